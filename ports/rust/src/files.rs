//! Prompt-cache files, by mlxrs's own `save_prompt_cache` and `load_prompt_cache`.

use std::collections::HashMap;
use std::path::Path;

use mlxrs::lm::cache::{
    load_prompt_cache, save_prompt_cache, BatchKvCache, BatchRotatingKvCache, CacheList,
    ChunkedKvCache, QuantizedKvCache, RotatingKvCache, StandardKvCache, StandardQuantizedKvCache,
};

use crate::json::Json;
use crate::library::{from_state, to_array, Array, ArraysCache, KvCache};
use crate::protocol::{Arguments, Failure, Operation, Tensor};
use crate::{arrays, count, done, set_slots, wire_list, wire_rows, Adapter, Answer, Cache};

pub const OPERATIONS: &[(&str, Operation<Adapter>)] = &[
    ("save", |_, a| {
        let caches = list(a.at("caches")?, "caches")?;
        let built = caches.iter().map(built).collect::<Result<Vec<_>, _>>()?;
        let metadata = user_metadata(a)?;
        let path = Path::new(a.text("path")?);
        Ok(done(save_prompt_cache(path, &built, &metadata)?))
    }),
    ("load", |_, a| {
        let (mut caches, metadata) = load_prompt_cache(Path::new(a.text("path")?))?;
        let caches = caches.iter_mut().map(|cache| described(cache.as_mut()));
        let caches: Result<_, Failure> = caches.collect();
        let metadata = metadata
            .into_iter()
            .map(|(key, text)| (key, Json::Text(text)));
        Ok(Json::object([
            ("caches", Json::List(caches?)),
            ("user_metadata", Json::Object(metadata.collect())),
        ]))
    }),
    // Nothing is computed in between: what is pending reads the file that is being written.
    ("resave", |_, a| {
        let path = Path::new(a.text("path")?);
        let (caches, metadata) = load_prompt_cache(path)?;
        Ok(done(save_prompt_cache(path, &caches, &metadata)?))
    }),
];

fn list<'a>(value: &'a Json, name: &str) -> Result<&'a [Json], Failure> {
    match value {
        Json::List(items) => Ok(items),
        _ => Err(Failure::InvalidArguments(format!("{name} must be a list"))),
    }
}

fn user_metadata(a: &Arguments) -> Result<HashMap<String, String>, Failure> {
    let wrong =
        || Failure::InvalidArguments("user_metadata must be an object of strings".to_string());
    let Json::Object(entries) = a.at("user_metadata")? else {
        return Err(wrong());
    };
    let text = |(key, value): &(String, Json)| match value {
        Json::Text(text) => Ok((key.clone(), text.clone())),
        _ => Err(wrong()),
    };
    entries.iter().map(text).collect()
}

// What is asked to be saved, as mlxrs's own objects

fn built(spec: &Json) -> Result<Cache, Failure> {
    let a = Arguments(spec);
    let none = Json::object([]);
    let numbers = Arguments(spec.get("numbers").unwrap_or(&none));
    let mut cache: Cache = match a.text("class_name")? {
        "CacheList" => {
            let children = list(a.at("caches")?, "caches")?.iter().map(built);
            return Ok(Box::new(CacheList::new(
                children.collect::<Result<_, _>>()?,
            )));
        }
        class_name @ ("ArraysCache" | "MambaCache") => return slots(class_name, &a),
        "KVCache" => Box::new(StandardKvCache::new()),
        "RotatingKVCache" => Box::new(RotatingKvCache::new(
            numbers.integer("max_size")?,
            numbers.integer("keep")?,
        )),
        "QuantizedKVCache" => Box::new(StandardQuantizedKvCache::new(
            numbers.integer("group_size")?,
            numbers.integer("bits")?,
        )?),
        "ChunkedKVCache" => Box::new(ChunkedKvCache::new(match numbers.0.get("chunk_size") {
            None | Some(Json::Null) => None,
            Some(_) => Some(numbers.integer("chunk_size")?),
        })),
        other => {
            let why = format!("mlxrs has no class of its own for {other}");
            return Err(Failure::InvalidArguments(why));
        }
    };
    for (keys, values) in arrays(&a, "keys")?.iter().zip(&arrays(&a, "values")?) {
        match cache
            .as_any_mut()
            .downcast_mut::<StandardQuantizedKvCache>()
        {
            // `update` computes the tokens back, which a save has no use for.
            Some(quantized) => drop(quantized.update_quantized(keys, values)?),
            None => drop(cache.update(keys, values)?),
        }
    }
    Ok(cache)
}

fn slots(class_name: &str, a: &Arguments) -> Result<Cache, Failure> {
    let slots = list(a.at("slots")?, "slots")?;
    let (mut written, mut state) = (Vec::new(), Vec::new());
    for (index, slot) in slots.iter().enumerate() {
        if *slot != Json::Null {
            written.push(index.to_string());
            state.push(to_array(&Tensor::from_wire(slot)?)?);
        }
    }
    let padding = match a.0.get("left_padding") {
        None | Some(Json::Null) => None,
        Some(rows) => Some(numbers_of(&Tensor::from_wire(rows)?)?),
    };
    match padding {
        // Only this constructor takes more rows than there are slots.
        Some(rows) if class_name == "ArraysCache" && !rows.is_empty() => {
            let mut cache = ArraysCache::with_left_padding(slots.len(), &rows);
            for (index, array) in written.iter().zip(state) {
                cache.set(index.parse().unwrap_or_default(), array)?;
            }
            Ok(Box::new(cache))
        }
        padding => {
            let mut meta = vec![slots.len().to_string(), written.join(",")];
            meta.extend(padding.map(|rows| {
                let texts: Vec<_> = rows.iter().map(i32::to_string).collect();
                texts.join(",")
            }));
            Ok(from_state(class_name, state, &meta)?)
        }
    }
}

fn numbers_of(tensor: &Tensor) -> Result<Vec<i32>, Failure> {
    if tensor.dtype != "int32" || tensor.shape.len() != 1 {
        let why = "left_padding must be a list of int32".to_string();
        return Err(Failure::InvalidArguments(why));
    }
    let (words, _) = tensor.bytes.as_chunks::<4>();
    Ok(words.iter().map(|word| i32::from_le_bytes(*word)).collect())
}

// What is loaded, in the protocol's terms

pub fn described(cache: &mut (dyn KvCache + 'static)) -> Answer {
    if let Some(slots) = cache.as_any_mut().downcast_mut::<ArraysCache>() {
        return described_slots(slots);
    }
    let class_name = ("class_name", Json::text(cache.reference_class_name()));
    if let Some(list) = cache.as_cache_list_mut() {
        return Ok(Json::object([class_name, ("caches", children(list)?)]));
    }
    let state = cache.state()?;
    let (keys, values) = match state.len() {
        // A batch has its offset and left padding there, too.
        4 if cache.as_quantized().is_none() => (&state[..1], &state[1..2]),
        n => state.split_at(n / 2),
    };
    Ok(Json::object([
        class_name,
        ("keys", wire_list(keys)?),
        ("values", wire_list(values)?),
        ("numbers", numbers(cache, keys.first())?),
    ]))
}

fn described_slots(cache: &ArraysCache) -> Answer {
    let (size, slots) = set_slots(cache)?;
    Ok(Json::object([
        ("class_name", Json::text(cache.reference_class_name())),
        ("slot_count", count(size)),
        ("slots", Json::Object(slots)),
        ("left_padding", wire_rows(cache.left_padding())),
        ("lengths", wire_rows(cache.lengths())),
    ]))
}

fn children(list: &mut CacheList) -> Answer {
    let each = (0..list.len()).map(|index| list.get_mut(index).map_or(Ok(Json::Null), described));
    each.collect::<Result<_, _>>().map(Json::List)
}

/// The numbers have accessors in few of the classes, but the metadata tells them.
fn numbers(cache: &mut dyn KvCache, keys: Option<&Array>) -> Answer {
    let names: &[&str] = match cache.reference_class_name() {
        "RotatingKVCache" => &["keep", "max_size", "offset", "idx"],
        "QuantizedKVCache" => &["offset", "group_size", "bits"],
        "ChunkedKVCache" => &["chunk_size", "start_position"],
        "BatchRotatingKVCache" => &["max_size", "seen", "idx", "rotated"],
        _ => &[],
    };
    let texts = cache.meta_state();
    let told = names.iter().zip(&texts).map(|(name, text)| {
        let value = match text.as_str() {
            "true" => Json::Bool(true),
            "false" => Json::Bool(false),
            digits => digits.parse().map_or(Json::Null, Json::Integer),
        };
        (name.to_string(), value)
    });
    let mut numbers: Vec<_> = told.collect();
    let mut say = |name: &str, value| numbers.push((name.to_string(), value));
    match cache.as_batch_positioned() {
        Some(batch) => say("offset", crate::wire(Some(&batch.batch_offset()?))?),
        None if !names.contains(&"offset") => say("offset", count(cache.offset())),
        None => (),
    }
    if let Some(batch) = cache.as_any_mut().downcast_mut::<BatchKvCache>() {
        say(
            "left_padding",
            crate::wire(Some(&batch.left_padding_arr()?))?,
        );
        say("idx", count(keys.map_or(0, |keys| keys.shape()[2])));
    }
    if let Some(batch) = cache.as_any_mut().downcast_mut::<BatchRotatingKvCache>() {
        say(
            "left_padding",
            crate::wire(Some(&batch.left_padding_arr()?))?,
        );
    }
    Ok(Json::Object(numbers))
}
