//! Stands in for mlxrs where it cannot be built: the part of its interface that the adapter uses,
//! by the rules of the dialect mlxrs-0.1, on tensors that are nothing but bytes.

use std::any::Any;
use std::num::{IntErrorKind, ParseIntError};
use std::rc::Rc;
use std::str::FromStr;

use crate::json::Json;
use crate::protocol::{item_size, refused, Failure, Tensor};

pub const NAME: &str = "stand-in for mlxrs";
pub const VERSION: &str = "0.1.0";

const MAX_SLOT_COUNT: usize = 1 << 20;
const MAX_POSITIONS: usize = 1 << 24;

type Result<T> = std::result::Result<T, Failure>;
type Rows = Option<Vec<i32>>;

/// A shared handle, as mlxrs's is: cloning copies no elements.
pub struct Array(Rc<Tensor>);

impl Array {
    pub fn try_clone(&self) -> Result<Array> {
        Ok(Array(Rc::clone(&self.0)))
    }
}

pub fn to_array(tensor: &Tensor) -> Result<Array> {
    Ok(Array(Rc::new(tensor.clone())))
}

pub fn to_wire(array: &Array) -> Result<Json> {
    Ok(array.0.to_wire())
}

#[allow(dead_code)] // Causal is an answer of other caches
pub enum MaskMode {
    None,
    Causal,
    Array(Array),
}

#[allow(clippy::wrong_self_convention)] // the name is mlxrs's
pub trait KvCache {
    fn offset(&self) -> usize;
    fn max_size(&self) -> Option<usize>;
    fn update(&mut self, keys: &Array, values: &Array) -> Result<(Array, Array)>;
    fn state(&self) -> Result<Vec<Array>>;
    fn set_state(&mut self, state: Vec<Array>) -> Result<()>;
    fn materialize(&mut self) -> Result<()>;
    fn meta_state(&self) -> Vec<String>;
    fn set_meta_state(&mut self, meta: &[String]) -> Result<()>;
    fn from_serialized(&mut self, state: Vec<Array>, meta: &[String]) -> Result<()>;
    fn is_trimmable(&self) -> bool;
    fn trim(&mut self, n: usize) -> Result<usize>;
    fn make_mask(&self, n: usize, window: Option<usize>, as_array: bool) -> Result<MaskMode>;
    fn nbytes(&self) -> usize;
    fn is_empty(&self) -> bool;
    fn copy(&self) -> Result<Box<dyn KvCache>>;
    fn reference_class_name(&self) -> &'static str;
    fn as_any_mut(&mut self) -> &mut dyn Any;
}

/// A new cache of the kind that a file's class label names.
pub fn from_state(kind: &str, state: Vec<Array>, meta: &[String]) -> Result<Box<dyn KvCache>> {
    let mut cache = match kind {
        "ArraysCache" => ArraysCache::with_left_padding(0, &[]),
        "MambaCache" => ArraysCache::mamba(),
        _ => {
            let payload = Json::object([("value", Json::text(kind))]);
            return Err(refused(
                "UnknownEnumValue",
                format!("no cache kind {kind:?}"),
                payload,
            ));
        }
    };
    cache.from_serialized(state, meta)?;
    Ok(Box::new(cache))
}

#[derive(Default)]
pub struct ArraysCache {
    slots: Vec<Option<Array>>,
    left_padding: Rows,
    lengths: Rows,
    is_mamba: bool,
}

fn unset(count: usize) -> Result<Vec<Option<Array>>> {
    let mut slots = Vec::new();
    let room = slots.try_reserve_exact(count);
    room.map_err(|_| refused("OutOfMemory", "out of memory", Json::object([])))?;
    slots.resize_with(count, || None);
    Ok(slots)
}

impl ArraysCache {
    pub fn with_left_padding(size: usize, rows: &[i32]) -> ArraysCache {
        let left_padding = (!rows.is_empty()).then(|| rows.to_vec());
        ArraysCache {
            slots: (0..size).map(|_| None).collect(),
            left_padding,
            ..Self::default()
        }
    }

    pub fn mamba() -> ArraysCache {
        ArraysCache {
            is_mamba: true,
            ..Self::with_left_padding(2, &[])
        }
    }

    pub fn get(&self, slot: usize) -> Option<&Array> {
        self.slots.get(slot)?.as_ref()
    }

    pub fn set(&mut self, slot: usize, value: Array) -> Result<()> {
        let seen = format!("idx={slot}, size={}", self.slots.len());
        let payload = Json::object([("value", Json::text(&seen))]);
        let place = self.slots.get_mut(slot);
        *place.ok_or_else(|| refused("OutOfRange", format!("no such slot: {seen}"), payload))? =
            Some(value);
        Ok(())
    }

    pub fn batch_size(&self) -> Result<usize> {
        if let Some(Array(tensor)) = self.slots.iter().flatten().next() {
            let payload = [
                ("actual", Json::Integer(0)),
                ("actual_shape", Json::List(Vec::new())),
            ];
            let scalar = || {
                refused(
                    "RankMismatch",
                    "a scalar has no rows",
                    Json::object(payload),
                )
            };
            return tensor.shape.first().copied().ok_or_else(scalar);
        }
        let rows = self.left_padding.as_ref().or(self.lengths.as_ref());
        Ok(rows.map_or(1, Vec::len))
    }

    pub fn prepare(&mut self, lengths: &[i32]) {
        self.lengths = Some(lengths.to_vec());
    }

    pub fn finalize(&mut self) {
        (self.left_padding, self.lengths) = (None, None);
    }

    pub fn advance(&mut self, n: usize) -> Result<()> {
        let step = i32::try_from(n).map_err(|_| {
            let operands = Json::object([("N", Json::Integer(n as i128))]);
            let payload = Json::object([("op_type", Json::text("i32")), ("operands", operands)]);
            refused(
                "ArithmeticOverflow",
                format!("{n} does not fit i32"),
                payload,
            )
        })?;
        for row in [&mut self.lengths, &mut self.left_padding]
            .into_iter()
            .flatten()
            .flatten()
        {
            *row = row.wrapping_sub(step);
        }
        Ok(())
    }

    pub fn left_padding(&self) -> Option<&[i32]> {
        self.left_padding.as_deref()
    }

    pub fn lengths(&self) -> Option<&[i32]> {
        self.lengths.as_deref()
    }
}

impl KvCache for ArraysCache {
    fn offset(&self) -> usize {
        0
    }

    fn max_size(&self) -> Option<usize> {
        None
    }

    fn update(&mut self, _: &Array, _: &Array) -> Result<(Array, Array)> {
        Err(refused(
            "InvariantViolation",
            "there are no keys and values",
            Json::object([]),
        ))
    }

    fn state(&self) -> Result<Vec<Array>> {
        self.slots.iter().flatten().map(Array::try_clone).collect()
    }

    fn set_state(&mut self, state: Vec<Array>) -> Result<()> {
        self.slots = state.into_iter().map(Some).collect();
        Ok(())
    }

    fn materialize(&mut self) -> Result<()> {
        Ok(())
    }

    fn meta_state(&self) -> Vec<String> {
        let slots = self.slots.iter().enumerate();
        let written = slots
            .filter(|(_, slot)| slot.is_some())
            .map(|(i, _)| i.to_string());
        let mut meta = vec![self.slots.len().to_string(), joined(written)];
        meta.extend(
            self.left_padding
                .as_ref()
                .map(|rows| joined(rows.iter().map(i32::to_string))),
        );
        meta
    }

    fn set_meta_state(&mut self, meta: &[String]) -> Result<()> {
        let (first, rest) = match meta {
            [] => return Ok(()),
            [only] if only.is_empty() => return Ok(()),
            [first, rest @ ..] => (first, rest),
        };
        let size = parse::<usize>(first, "usize")?;
        let Some(written) = rest.first() else {
            let message = "a slot count is followed by the written slots";
            return Err(refused("InvariantViolation", message, Json::object([])));
        };
        capped("MAX_SLOT_COUNT", MAX_SLOT_COUNT, size)?;
        let written = parse_csv::<usize>(written, "CSV<usize>", size)?;
        let left_padding = rest
            .get(1)
            .map(|text| parse_csv(text, "CSV<i32>", size))
            .transpose()?;
        let mut slots = unset(size)?;
        for (array, index) in std::mem::take(&mut self.slots).into_iter().zip(written) {
            if index < size && array.is_some() {
                slots[index] = array;
            }
        }
        (self.slots, self.left_padding) = (slots, left_padding);
        Ok(())
    }

    fn from_serialized(&mut self, state: Vec<Array>, meta: &[String]) -> Result<()> {
        let mut made = ArraysCache {
            is_mamba: self.is_mamba,
            ..Self::default()
        };
        made.set_state(state)?;
        made.set_meta_state(meta)?;
        *self = made;
        Ok(())
    }

    fn is_trimmable(&self) -> bool {
        false
    }

    fn trim(&mut self, _: usize) -> Result<usize> {
        Ok(0)
    }

    fn make_mask(&self, n: usize, _: Option<usize>, _: bool) -> Result<MaskMode> {
        let (rows, by_padding) = match (&self.left_padding, &self.lengths) {
            (Some(rows), _) => (rows, true),
            (None, Some(rows)) => (rows, false),
            (None, None) => return Ok(MaskMode::None),
        };
        if n > MAX_POSITIONS {
            let payload = Json::object([("value", Json::text(n.to_string()))]);
            return Err(refused("OutOfRange", "the mask is too long", payload));
        }
        let mask = rows
            .iter()
            .flat_map(|&row| (0..n as i64).map(move |p| u8::from((p >= row.into()) == by_padding)));
        let (shape, bytes) = (vec![rows.len(), n], mask.collect());
        let mask = Tensor {
            dtype: "bool".to_string(),
            shape,
            bytes,
        };
        Ok(MaskMode::Array(Array(Rc::new(mask))))
    }

    fn nbytes(&self) -> usize {
        let bytes = |Array(tensor): &Array| {
            tensor.shape.iter().product::<usize>() * item_size(&tensor.dtype).unwrap_or(0)
        };
        self.slots.iter().flatten().map(bytes).sum()
    }

    fn is_empty(&self) -> bool {
        self.get(0).is_none()
    }

    fn copy(&self) -> Result<Box<dyn KvCache>> {
        let clone = |slot: &Option<Array>| slot.as_ref().map(Array::try_clone).transpose();
        Ok(Box::new(ArraysCache {
            slots: self.slots.iter().map(clone).collect::<Result<_>>()?,
            left_padding: self.left_padding.clone(),
            lengths: self.lengths.clone(),
            is_mamba: self.is_mamba,
        }))
    }

    fn reference_class_name(&self) -> &'static str {
        if self.is_mamba {
            "MambaCache"
        } else {
            "ArraysCache"
        }
    }

    fn as_any_mut(&mut self) -> &mut dyn Any {
        self
    }
}

fn joined(items: impl Iterator<Item = String>) -> String {
    items.collect::<Vec<_>>().join(",")
}

fn capped(name: &str, cap: usize, observed: usize) -> Result<()> {
    if observed <= cap {
        return Ok(());
    }
    let payload = Json::object([
        ("cap_name", Json::text(name)),
        ("cap", Json::Integer(cap as i128)),
        ("observed", Json::Integer(observed as i128)),
    ]);
    Err(refused(
        "CapExceeded",
        format!("{observed} is above {name} = {cap}"),
        payload,
    ))
}

fn parse<T: FromStr<Err = ParseIntError>>(text: &str, input_kind: &str) -> Result<T> {
    text.parse().map_err(|error: ParseIntError| {
        let cause = match error.kind() {
            IntErrorKind::Empty => "Empty",
            IntErrorKind::PosOverflow => "PosOverflow",
            IntErrorKind::NegOverflow => "NegOverflow",
            _ => "InvalidDigit",
        };
        let payload = [
            ("input_kind", Json::text(input_kind)),
            ("cause", Json::text(cause)),
        ];
        refused(
            "Parse",
            format!("no {input_kind}: {error}"),
            Json::object(payload),
        )
    })
}

fn parse_csv<T: FromStr<Err = ParseIntError>>(
    text: &str,
    input_kind: &str,
    max_elems: usize,
) -> Result<Vec<T>> {
    if text.is_empty() {
        return Ok(Vec::new());
    }
    capped(
        "max_elems",
        max_elems,
        text.bytes().filter(|&b| b == b',').count() + 1,
    )?;
    text.split(',')
        .map(|item| parse(item, input_kind))
        .collect()
}
