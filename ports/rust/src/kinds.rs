//! The kinds beside the slot cache: caches of keys and values, batches, lists, and whole prompts.

use crate::json::Json;
use crate::library::{from_state, to_array, ArraysCache, KvCache, MaskMode};
use crate::protocol::{Arguments, Failure, Operation};
use crate::{arrays, count, done, wire, wire_list, Adapter, Answer, Cache, Held, Place};
use mlxrs::lm::cache::{
    can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache, BatchKvCache,
    BatchRotatingKvCache, CacheConfig, CacheList, ChunkedKvCache, QTriple, RotatingKvCache,
    StandardKvCache, StandardQuantizedKvCache,
};

/// A child of a list, which is that child itself.
pub fn child<'a>(
    list: &'a mut (dyn KvCache + 'static),
    index: usize,
) -> Option<&'a mut (dyn KvCache + 'static)> {
    list.as_cache_list_mut()?.get_mut(index)
}

fn put(adapter: &mut Adapter, a: &Arguments, cache: Cache) -> Answer {
    adapter.put(a, "cache", cache)
}
fn update(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let (keys, values) = (
        to_array(&a.tensor("keys")?)?,
        to_array(&a.tensor("values")?)?,
    );
    let cache = adapter.cache(a)?;
    if let Some(quantized) = cache.as_quantized_mut() {
        let (k, v) = quantized.update_quantized(&keys, &values)?;
        let one = |t: &QTriple| -> Answer {
            Ok(Json::List(vec![
                wire(Some(&t.0))?,
                wire(Some(&t.1))?,
                wire(t.2.as_ref())?,
            ]))
        };
        return Ok(Json::List(vec![one(&k)?, one(&v)?]));
    }
    let (keys, values) = cache.update(&keys, &values)?;
    wire_list(&[keys, values])
}
fn optional(a: &Arguments, name: &str) -> Result<Option<usize>, Failure> {
    match a.0.get(name) {
        None | Some(Json::Null) => Ok(None),
        Some(_) => Ok(Some(a.integer(name)?)),
    }
}
fn mask(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let array = matches!(a.0.get("return_array"), Some(Json::Bool(true)));
    let window = optional(a, "window_size")?;
    let n = a.integer("n")?;
    match adapter.cache(a)?.make_mask(n, window, array)? {
        MaskMode::Array(mask) => wire(Some(&mask)),
        MaskMode::None => Ok(Json::Null),
        MaskMode::Causal => Ok(Json::text("causal")),
    }
}
fn offset(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let cache = adapter.cache(a)?;
    match cache.as_batch_positioned() {
        Some(b) => {
            let o = b.batch_offset()?;
            wire(Some(&o))
        }
        None => Ok(count(cache.offset())),
    }
}
fn max_size(adapter: &mut Adapter, a: &Arguments) -> Answer {
    Ok(adapter.cache(a)?.max_size().map_or(Json::Null, count))
}
fn nbytes(adapter: &mut Adapter, a: &Arguments) -> Answer {
    Ok(count(adapter.cache(a)?.nbytes()))
}
fn empty(adapter: &mut Adapter, a: &Arguments) -> Answer {
    Ok(Json::Bool(adapter.cache(a)?.is_empty()))
}
fn is_trimmable(adapter: &mut Adapter, a: &Arguments) -> Answer {
    Ok(Json::Bool(adapter.cache(a)?.is_trimmable()))
}
fn trim(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let n = a.integer("n")?;
    Ok(count(adapter.cache(a)?.trim(n)?))
}
fn state(adapter: &mut Adapter, a: &Arguments) -> Answer {
    wire_list(&adapter.cache(a)?.state()?)
}
fn set_state(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let s = arrays(a, "state")?;
    Ok(done(adapter.cache(a)?.set_state(s)?))
}
fn meta_state(adapter: &mut Adapter, a: &Arguments) -> Answer {
    Ok(Json::List(
        adapter
            .cache(a)?
            .meta_state()
            .into_iter()
            .map(Json::Text)
            .collect(),
    ))
}
fn set_meta_state(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let t = a.texts("meta_state")?;
    Ok(done(adapter.cache(a)?.set_meta_state(&t)?))
}
fn restored(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let made = from_state(
        a.text("class_name")?,
        arrays(a, "state")?,
        &a.texts("meta_state")?,
    )?;
    adapter.put(a, "cache", made)
}
fn round_trip(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let cache = adapter.cache(a)?;
    let rebuilt = from_state(
        cache.reference_class_name(),
        cache.state()?,
        &cache.meta_state(),
    )?;
    adapter.put(a, "into", rebuilt)
}
fn copy(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let twin = adapter.cache(a)?.copy()?;
    adapter.put(a, "into", twin)
}
fn materialize(adapter: &mut Adapter, a: &Arguments) -> Answer {
    Ok(done(adapter.cache(a)?.materialize()?))
}
fn class_name(adapter: &mut Adapter, a: &Arguments) -> Answer {
    Ok(Json::text(adapter.cache(a)?.reference_class_name()))
}
/// A cache in a list shows the number of its slots by showing them all.
fn listed(cache: &mut (dyn KvCache + 'static)) -> Answer {
    if let Some(slots) = cache.as_any_mut().downcast_mut::<ArraysCache>() {
        let (size, _) = crate::set_slots(slots)?;
        let each: Result<Vec<_>, Failure> = (0..size).map(|i| wire(slots.get(i))).collect();
        return Ok(Json::object([
            ("class_name", Json::text(slots.reference_class_name())),
            ("slots", Json::List(each?)),
            ("left_padding", crate::wire_rows(slots.left_padding())),
            ("lengths", crate::wire_rows(slots.lengths())),
        ]));
    }
    let label = ("class_name", Json::text(cache.reference_class_name()));
    if let Some(list) = cache.as_cache_list_mut() {
        let mut each = Vec::new();
        for i in 0..list.len() {
            if let Some(c) = list.get_mut(i) {
                each.push(listed(c)?);
            }
        }
        return Ok(Json::object([label, ("caches", Json::List(each))]));
    }
    let shown = crate::files::described(cache)?;
    if cache.reference_class_name() != "ChunkedKVCache" {
        return Ok(shown);
    }
    // What stands behind the offset is free room; the state of one whose start lies there has some.
    let texts = cache.meta_state();
    let start: usize = texts.get(1).and_then(|t| t.parse().ok()).unwrap_or(0);
    let kept = cache.offset().saturating_sub(start);
    let mut halves = Vec::new();
    for array in cache.state()? {
        let shape = array.shape();
        if kept >= shape[2] {
            halves.push(array);
            continue;
        }
        let mut stop: Vec<i32> = shape.iter().map(|&n| n as i32).collect();
        stop[2] = kept as i32;
        halves.push(mlxrs::ops::indexing::slice(
            &array,
            &[0, 0, 0, 0],
            &stop,
            &[1, 1, 1, 1],
        )?);
    }
    let Json::Object(fields) = shown else {
        return Ok(shown);
    };
    Ok(Json::Object(
        fields
            .into_iter()
            .map(|(name, value)| match (name.as_str(), halves.len()) {
                ("keys", 2) => Ok((name, wire_list(&halves[..1])?)),
                ("values", 2) => Ok((name, wire_list(&halves[1..])?)),
                _ => Ok((name, value)),
            })
            .collect::<Result<_, Failure>>()?,
    ))
}
fn snapshot(adapter: &mut Adapter, a: &Arguments) -> Answer {
    listed(adapter.cache(a)?)
}
fn hold(adapter: &mut Adapter, a: &Arguments) -> Answer {
    let cache = adapter.cache(a)?;
    let state = cache.state()?;
    let held = match a.text("what")? {
        "state" => Held::Tensors(state),
        "offset" => match cache.as_batch_positioned() {
            Some(b) => Held::Tensor(Some(b.batch_offset()?)),
            None => Held::Number(cache.offset()),
        },
        "keys" => Held::Tensor(state.first().map(|x| x.try_clone()).transpose()?),
        "values" => Held::Tensor(state.get(1).map(|x| x.try_clone()).transpose()?),
        what => {
            let why = format!("nothing is called {what:?}");
            return Err(Failure::InvalidArguments(why));
        }
    };
    adapter.held.insert(a.text("name")?.to_string(), held);
    Ok(Json::Null)
}
fn held(adapter: &mut Adapter, a: &Arguments) -> Answer {
    match adapter.held.get(a.text("name")?) {
        Some(Held::Tensors(arrays)) => wire_list(arrays),
        Some(Held::Tensor(array)) => wire(array.as_ref()),
        Some(Held::Number(n)) => Ok(count(*n)),
        None => Err(Failure::UnknownCache(a.text("name")?.to_string())),
    }
}
/// The caches of these handles, taken out, as a prompt owns them.
fn take(adapter: &mut Adapter, names: &[String]) -> Result<Vec<Cache>, Failure> {
    let mut found = Vec::new();
    for name in names {
        match adapter.caches.remove(name) {
            Some(Place::Own(cache)) => found.push(cache),
            _ => return Err(Failure::UnknownCache(name.clone())),
        }
    }
    Ok(found)
}
/// And put back.
fn give(adapter: &mut Adapter, names: &[String], caches: Vec<Cache>) {
    for (name, cache) in names.iter().zip(caches) {
        adapter.caches.insert(name.clone(), Place::Own(cache));
    }
}
pub const OPERATIONS_APART: &[(&str, Operation<Adapter>)] = &[
    ("kv.new", |d, a| put(d, a, Box::new(StandardKvCache::new()))),
    ("rotating.new", |d, a| {
        let keep = optional(a, "keep")?.unwrap_or(0);
        put(
            d,
            a,
            Box::new(RotatingKvCache::new(a.integer("max_size")?, keep)),
        )
    }),
    ("quantized.new", |d, a| {
        put(
            d,
            a,
            Box::new(StandardQuantizedKvCache::new(
                a.integer("group_size")?,
                a.integer("bits")?,
            )?),
        )
    }),
    ("chunked.new", |d, a| {
        put(
            d,
            a,
            Box::new(ChunkedKvCache::new(optional(a, "chunk_size")?)),
        )
    }),
    ("chunked.maybe_trim_front", |d, a| {
        let cache = d
            .cache(a)?
            .as_any_mut()
            .downcast_mut::<ChunkedKvCache>()
            .ok_or_else(|| Failure::InvalidArguments("not chunked".into()))?;
        Ok(done(cache.maybe_trim_front()?))
    }),
    ("batch_kv.new", |d, a| {
        put(
            d,
            a,
            Box::new(BatchKvCache::new(
                &a.integers("left_padding")?.unwrap_or_default(),
            )),
        )
    }),
    ("batch_rotating.new", |d, a| {
        put(
            d,
            a,
            Box::new(BatchRotatingKvCache::new(
                a.integer("max_size")?,
                &a.integers("left_padding")?.unwrap_or_default(),
            )),
        )
    }),
    ("batch_kv.prepare", |d, a| {
        let right = a.integers("right_padding")?.unwrap_or_default();
        let cache = d
            .cache(a)?
            .as_any_mut()
            .downcast_mut::<BatchKvCache>()
            .ok_or_else(|| Failure::InvalidArguments("not a batch".into()))?;
        Ok(done(cache.prepare_right_padding(&right)?))
    }),
    ("batch_kv.finalize", |d, a| {
        let cache = d
            .cache(a)?
            .as_any_mut()
            .downcast_mut::<BatchKvCache>()
            .ok_or_else(|| Failure::InvalidArguments("not a batch".into()))?;
        Ok(done(cache.finalize()?))
    }),
    ("batch_rotating.prepare", |d, a| {
        let (lengths, right) = (
            a.integers("lengths")?.unwrap_or_default(),
            a.integers("right_padding")?.unwrap_or_default(),
        );
        let cache = d
            .cache(a)?
            .as_any_mut()
            .downcast_mut::<BatchRotatingKvCache>()
            .ok_or_else(|| Failure::InvalidArguments("not a batch".into()))?;
        Ok(done(cache.prepare_right_padding(&lengths, &right)?))
    }),
    ("batch_rotating.finalize", |d, a| {
        let cache = d
            .cache(a)?
            .as_any_mut()
            .downcast_mut::<BatchRotatingKvCache>()
            .ok_or_else(|| Failure::InvalidArguments("not a batch".into()))?;
        Ok(done(cache.finalize()?))
    }),
    ("list.new", |d, a| {
        let names = a.texts("children")?;
        let caches = take(d, &names)?;
        let own = a.text("cache")?.to_string();
        for (at, name) in names.iter().enumerate() {
            d.caches.insert(name.clone(), Place::Child(own.clone(), at));
        }
        put(d, a, Box::new(CacheList::new(caches)))
    }),
    ("list.child", |d, a| {
        let at: usize = a.integer("index")?;
        let of = a.text("cache")?.to_string();
        let there = d
            .named(&of)?
            .as_cache_list()
            .is_some_and(|list| list.get(at).is_some());
        if there {
            d.caches
                .insert(a.text("into")?.to_string(), Place::Child(of, at));
        }
        Ok(Json::Bool(there))
    }),
    ("prompt.can_trim_prompt_cache", |d, a| {
        let names = a.texts("caches")?;
        let caches = take(d, &names)?;
        let found = can_trim_prompt_cache(&caches);
        give(d, &names, caches);
        Ok(Json::Bool(found))
    }),
    ("prompt.trim_prompt_cache", |d, a| {
        let n = a.integer("n")?;
        let names = a.texts("caches")?;
        let mut caches = take(d, &names)?;
        let found = trim_prompt_cache(&mut caches, n);
        give(d, &names, caches);
        Ok(count(found?))
    }),
    ("prompt.make_prompt_cache", |d, a| {
        let window = match a.0.get("max_kv_size") {
            None | Some(Json::Null) => None,
            Some(_) => Some(a.integer::<i32>("max_kv_size")?),
        };
        let made = make_prompt_cache(&CacheConfig {
            num_hidden_layers: a.integer("layers")?,
            sliding_window: window,
        });
        let names = a.texts("into")?;
        give(d, &names, made);
        Ok(Json::Null)
    }),
    ("kv.hold", hold),
    ("kv.held", held),
    ("rotating.hold", hold),
    ("rotating.held", held),
    ("quantized.hold", hold),
    ("quantized.held", held),
    ("chunked.hold", hold),
    ("chunked.held", held),
    ("batch_kv.hold", hold),
    ("batch_kv.held", held),
    ("batch_rotating.hold", hold),
    ("batch_rotating.held", held),
];

macro_rules! of_each {
    ($($kind:literal),*) => {
        &[$(
            (concat!($kind, ".update_and_fetch"), update as Operation<Adapter>),
            (concat!($kind, ".make_mask"), mask as Operation<Adapter>),
            (concat!($kind, ".offset"), offset as Operation<Adapter>),
            (concat!($kind, ".max_size"), max_size as Operation<Adapter>),
            (concat!($kind, ".nbytes"), nbytes as Operation<Adapter>),
            (concat!($kind, ".empty"), empty as Operation<Adapter>),
            (concat!($kind, ".is_trimmable"), is_trimmable as Operation<Adapter>),
            (concat!($kind, ".trim"), trim as Operation<Adapter>),
            (concat!($kind, ".state"), state as Operation<Adapter>),
            (concat!($kind, ".set_state"), set_state as Operation<Adapter>),
            (concat!($kind, ".meta_state"), meta_state as Operation<Adapter>),
            (concat!($kind, ".set_meta_state"), set_meta_state as Operation<Adapter>),
            (concat!($kind, ".from_state"), restored as Operation<Adapter>),
            (concat!($kind, ".round_trip"), round_trip as Operation<Adapter>),
            (concat!($kind, ".copy"), copy as Operation<Adapter>),
            (concat!($kind, ".materialize"), materialize as Operation<Adapter>),
            (concat!($kind, ".class_name"), class_name as Operation<Adapter>),
            (concat!($kind, ".snapshot"), snapshot as Operation<Adapter>),
        )*]
    };
}

/// What all kinds have.
pub const OPERATIONS: &[(&str, Operation<Adapter>)] = of_each!(
    "kv",
    "rotating",
    "quantized",
    "chunked",
    "batch_kv",
    "batch_rotating",
    "list"
);
