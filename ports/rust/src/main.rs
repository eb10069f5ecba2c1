//! The slot cache of mlxrs on the wire. Written against mlxrs's public interface; without the
//! feature `mlxrs` the library is a stand-in with the same names and the same rules.

#[path = "../skeleton/src/json.rs"]
mod json;
#[path = "../skeleton/src/protocol.rs"]
mod protocol;

#[cfg(feature = "mlxrs")]
#[path = "with_mlxrs.rs"]
mod library;
#[cfg(not(feature = "mlxrs"))]
#[path = "stand_in.rs"]
mod library;

// The stand-in has no prompt-cache files, and no kinds beside the slot cache.
#[cfg(feature = "mlxrs")]
mod files;
#[cfg(feature = "mlxrs")]
mod kinds;
#[cfg(not(feature = "mlxrs"))]
mod kinds {
    pub const OPERATIONS: &[(&str, crate::Operation<crate::Adapter>)] = &[];
    pub const OPERATIONS_APART: &[(&str, crate::Operation<crate::Adapter>)] = &[];
}
#[cfg(not(feature = "mlxrs"))]
mod files {
    pub const OPERATIONS: &[(&str, crate::Operation<crate::Adapter>)] = &[];
}

use std::collections::HashMap;

use json::Json;
use library::{from_state, to_array, to_wire, Array, ArraysCache, KvCache, MaskMode};
use protocol::{Arguments, Failure, Operation, Server, Tensor};

type Cache = Box<dyn KvCache>;
type Answer = Result<Json, Failure>;

/// What an operation handed out, kept under a name.
enum Held {
    #[cfg(feature = "mlxrs")]
    Number(usize),
    Tensors(Vec<Array>),
    Tensor(Option<Array>),
}

/// Where the cache of a handle is.
enum Place {
    Own(Cache),
    /// In a list of caches, which owns its children.
    #[cfg(feature = "mlxrs")]
    Child(String, usize),
}

#[derive(Default)]
struct Adapter {
    caches: HashMap<String, Place>,
    held: HashMap<String, Held>,
}

impl Adapter {
    fn named(&mut self, handle: &str) -> Result<&mut (dyn KvCache + 'static), Failure> {
        let missing = || Failure::UnknownCache(handle.to_string());
        #[cfg(feature = "mlxrs")]
        if let Some(Place::Child(of, index)) = self.caches.get(handle) {
            let (of, index) = (of.clone(), *index);
            return kinds::child(self.named(&of)?, index).ok_or_else(missing);
        }
        match self.caches.get_mut(handle) {
            Some(Place::Own(cache)) => Ok(cache.as_mut()),
            _ => Err(missing()),
        }
    }

    fn cache(&mut self, arguments: &Arguments) -> Result<&mut (dyn KvCache + 'static), Failure> {
        self.named(arguments.text("cache")?)
    }

    /// The same, by its own type: indexing and sequence metadata are no part of the trait.
    fn slots(&mut self, arguments: &Arguments) -> Result<&mut ArraysCache, Failure> {
        let cache = self.cache(arguments)?;
        cache.as_any_mut().downcast_mut().ok_or_else(|| {
            Failure::InvalidArguments("the handle names a cache of another kind".to_string())
        })
    }

    fn put(&mut self, arguments: &Arguments, name: &str, cache: Cache) -> Answer {
        self.caches
            .insert(arguments.text(name)?.to_string(), Place::Own(cache));
        Ok(Json::Null)
    }
}

fn done(_: ()) -> Json {
    Json::Null
}

fn count(number: usize) -> Json {
    Json::Integer(number as i128)
}

fn wire(array: Option<&Array>) -> Answer {
    array.map_or(Ok(Json::Null), to_wire)
}

fn wire_list(arrays: &[Array]) -> Answer {
    arrays
        .iter()
        .map(|array| wire(Some(array)))
        .collect::<Result<_, _>>()
        .map(Json::List)
}

fn wire_rows(rows: Option<&[i32]>) -> Json {
    rows.map_or(Json::Null, |rows| Tensor::rows(rows).to_wire())
}

fn arrays(arguments: &Arguments, name: &str) -> Result<Vec<Array>, Failure> {
    arguments.tensors(name)?.iter().map(to_array).collect()
}

/// How many slots there are, and those that are set. The slot count has no accessor, but the
/// metadata tells it.
fn set_slots(cache: &ArraysCache) -> Result<(usize, Vec<(String, Json)>), Failure> {
    let size: usize = cache.meta_state()[0].parse().unwrap_or(0);
    let mut slots = Vec::new();
    for index in 0..size {
        if let Some(array) = cache.get(index) {
            slots.push((index.to_string(), wire(Some(array))?));
        }
    }
    Ok((size, slots))
}

const CONSTRUCTION: &[(&str, Operation<Adapter>)] = &[
    ("new", |adapter, a| {
        let padding = a.integers("left_padding")?.unwrap_or_default();
        let cache = ArraysCache::with_left_padding(a.integer("size")?, &padding);
        adapter.put(a, "cache", Box::new(cache))
    }),
    ("new_mamba", |adapter, a| {
        // The constructor takes no left padding; metadata does.
        let padding = a.integers::<i32>("left_padding")?.unwrap_or_default();
        let mut cache = ArraysCache::mamba();
        if !padding.is_empty() {
            let joined: Vec<String> = padding.iter().map(i32::to_string).collect();
            cache.set_meta_state(&["2".to_string(), String::new(), joined.join(",")])?;
        }
        adapter.put(a, "cache", Box::new(cache))
    }),
    ("copy", |adapter, a| {
        let twin = adapter.cache(a)?.copy()?;
        adapter.put(a, "into", twin)
    }),
    ("from_state", |adapter, a| {
        let cache = from_state(
            a.text("class_name")?,
            arrays(a, "state")?,
            &a.texts("meta_state")?,
        );
        adapter.put(a, "cache", cache?)
    }),
    ("from_serialized", |adapter, a| {
        let (state, meta) = (arrays(a, "state")?, a.texts("meta_state")?);
        Ok(done(adapter.cache(a)?.from_serialized(state, &meta)?))
    }),
    ("round_trip", |adapter, a| {
        let cache = adapter.cache(a)?;
        let rebuilt = from_state(
            cache.reference_class_name(),
            cache.state()?,
            &cache.meta_state(),
        )?;
        adapter.put(a, "into", rebuilt)
    }),
];

const SLOTS: &[(&str, Operation<Adapter>)] = &[
    ("get", |adapter, a| {
        wire(adapter.slots(a)?.get(a.integer("slot")?))
    }),
    ("set", |adapter, a| {
        let value = to_array(&a.tensor("value")?)?;
        Ok(done(adapter.slots(a)?.set(a.integer("slot")?, value)?))
    }),
    ("state", |adapter, a| wire_list(&adapter.cache(a)?.state()?)),
    ("set_state", |adapter, a| {
        Ok(done(adapter.cache(a)?.set_state(arrays(a, "state")?)?))
    }),
    ("meta_state", |adapter, a| {
        let texts = adapter.cache(a)?.meta_state();
        Ok(Json::List(texts.into_iter().map(Json::Text).collect()))
    }),
    ("set_meta_state", |adapter, a| {
        Ok(done(
            adapter.cache(a)?.set_meta_state(&a.texts("meta_state")?)?,
        ))
    }),
    ("snapshot", |adapter, a| {
        let cache = adapter.slots(a)?;
        let (size, slots) = set_slots(cache)?;
        Ok(Json::object([
            ("class_name", Json::text(cache.reference_class_name())),
            ("slot_count", count(size)),
            ("slots", Json::Object(slots)),
            ("left_padding", wire_rows(cache.left_padding())),
            ("lengths", wire_rows(cache.lengths())),
        ]))
    }),
    ("hold", |adapter, a| {
        let cache = adapter.slots(a)?;
        let rows =
            |rows: Option<&[i32]>| rows.map(|rows| to_array(&Tensor::rows(rows))).transpose();
        let held = match a.text("what")? {
            "state" => Held::Tensors(cache.state()?),
            "left_padding" => Held::Tensor(rows(cache.left_padding())?),
            "lengths" => Held::Tensor(rows(cache.lengths())?),
            // A borrow of the slot cannot be kept, a clone of the handle can.
            "slot" => Held::Tensor(
                cache
                    .get(a.integer("slot")?)
                    .map(Array::try_clone)
                    .transpose()?,
            ),
            what => {
                return Err(Failure::InvalidArguments(format!(
                    "nothing is called {what:?}"
                )))
            }
        };
        adapter.held.insert(a.text("name")?.to_string(), held);
        Ok(Json::Null)
    }),
    ("held", |adapter, a| {
        match adapter.held.get(a.text("name")?) {
            Some(Held::Tensors(arrays)) => wire_list(arrays),
            Some(Held::Tensor(array)) => wire(array.as_ref()),
            #[cfg(feature = "mlxrs")]
            Some(Held::Number(number)) => Ok(count(*number)),
            None => Err(Failure::UnknownCache(a.text("name")?.to_string())),
        }
    }),
];

const SEQUENCES: &[(&str, Operation<Adapter>)] = &[
    ("prepare", |adapter, a| {
        let lengths = a.integers("lengths")?.unwrap_or_default();
        adapter.slots(a)?.prepare(&lengths);
        Ok(Json::Null)
    }),
    ("finalize", |adapter, a| {
        adapter.slots(a)?.finalize();
        Ok(Json::Null)
    }),
    ("advance", |adapter, a| {
        Ok(done(adapter.slots(a)?.advance(a.integer("n")?)?))
    }),
    ("make_mask", |adapter, a| {
        match adapter.cache(a)?.make_mask(a.integer("n")?, None, false)? {
            MaskMode::Array(mask) => wire(Some(&mask)),
            MaskMode::None => Ok(Json::Null),
            MaskMode::Causal => Ok(Json::text("causal")), // no answer of a slot cache; shown as it is
        }
    }),
];

const PROPERTIES: &[(&str, Operation<Adapter>)] = &[
    ("batch_size", |adapter, a| {
        Ok(count(adapter.slots(a)?.batch_size()?))
    }),
    ("class_name", |adapter, a| {
        Ok(Json::text(adapter.cache(a)?.reference_class_name()))
    }),
    ("nbytes", |adapter, a| Ok(count(adapter.cache(a)?.nbytes()))),
    ("empty", |adapter, a| {
        Ok(Json::Bool(adapter.cache(a)?.is_empty()))
    }),
    ("size", |adapter, a| Ok(count(adapter.cache(a)?.offset()))),
    ("max_size", |adapter, a| {
        Ok(adapter.cache(a)?.max_size().map_or(Json::Null, count))
    }),
    ("is_trimmable", |adapter, a| {
        Ok(Json::Bool(adapter.cache(a)?.is_trimmable()))
    }),
    ("trim", |adapter, a| {
        Ok(count(adapter.cache(a)?.trim(a.integer("n")?)?))
    }),
    ("update", |adapter, a| {
        let (keys, values) = (
            to_array(&a.tensor("keys")?)?,
            to_array(&a.tensor("values")?)?,
        );
        let (keys, values) = adapter.cache(a)?.update(&keys, &values)?;
        wire_list(&[keys, values])
    }),
    ("materialize", |adapter, a| {
        Ok(done(adapter.cache(a)?.materialize()?))
    }),
    // Not here: write_in_place, as mlxrs replaces the array of a slot and never writes through it.
];

fn main() -> std::io::Result<()> {
    let server = Server {
        name: library::NAME,
        version: library::VERSION,
        dialect: "mlxrs-0.1",
        operations: &[
            CONSTRUCTION,
            SLOTS,
            SEQUENCES,
            PROPERTIES,
            files::OPERATIONS,
            kinds::OPERATIONS,
            kinds::OPERATIONS_APART,
        ],
    };
    server.serve()
}
