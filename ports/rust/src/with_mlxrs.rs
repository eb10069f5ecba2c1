//! mlxrs itself: its cache as it is, and its arrays and errors in the protocol's terms.

use mlxrs::{Dtype, Element, Error};
use std::num::{IntErrorKind, ParseIntError};

use crate::json::Json;
use crate::protocol::{refused, Failure, Tensor};

pub use mlxrs::lm::cache::{from_state, ArraysCache, KvCache, MaskMode};
pub use mlxrs::Array;

pub const NAME: &str = "mlxrs";
pub const VERSION: &str = "0.1.0";

/// The bytes as unsigned bytes, seen as the dtype: exact for every bit pattern.
pub fn to_array(tensor: &Tensor) -> Result<Array, Failure> {
    let dtype: Dtype = tensor.dtype.parse()?;
    if tensor.bytes.is_empty() {
        // A view of no bytes has no last axis to regroup.
        return Ok(mlxrs::ops::misc::astype(
            &Array::zeros::<u8>(&tensor.shape)?,
            dtype,
        )?);
    }
    let flat = Array::from_slice(&tensor.bytes, &vec![tensor.bytes.len()])?;
    let typed = mlxrs::ops::misc::view(&flat, dtype)?;
    Ok(mlxrs::ops::shape::reshape(&typed, &tensor.shape)?)
}

/// An array on the wire. A lying file makes arrays of negative sizes, which have no bytes to show.
pub fn to_wire(array: &Array) -> Result<Json, Failure> {
    let (dtype, shape) = (array.dtype()?, array.shape());
    if shape.iter().any(|&size| i32::try_from(size).is_err()) {
        let sizes: Vec<_> = shape.iter().map(|&size| size as isize).collect();
        let what = format!("an array of shape {sizes:?}");
        return Ok(Json::object([("foreign", Json::text(what))]));
    }
    let bytes = if array.size() == 0 {
        Vec::new()
    } else {
        let flat = mlxrs::ops::shape::reshape(array, &vec![array.size()])?;
        let bytes = mlxrs::ops::misc::view(&flat, u8::DTYPE)?;
        mlxrs::ops::shape::contiguous(&bytes, false)?.to_vec()?
    };
    let tensor = Tensor {
        dtype: dtype.as_str().to_string(),
        shape,
        bytes,
    };
    Ok(tensor.to_wire())
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        failure(&error)
    }
}

/// The error in the protocol's terms. One that names a layer stands for what went wrong in it.
fn failure(error: &Error) -> Failure {
    let text = |text: &str| Json::text(text);
    let (kind, payload) = match error {
        Error::LayerKeyed(p) => return failure(p.inner()),
        Error::LengthMismatch(p) => (
            "LengthMismatch",
            vec![
                ("context", text(p.context())),
                ("expected", Json::Integer(p.expected() as i128)),
                ("actual", Json::Integer(p.actual() as i128)),
            ],
        ),
        Error::Parse(p) => (
            "Parse",
            vec![
                ("context", text(p.context())),
                ("input_kind", text(p.input_kind())),
                ("cause", text(cause(p.inner()))),
            ],
        ),
        Error::CapExceeded(p) => (
            "CapExceeded",
            vec![
                ("context", text(p.context())),
                ("cap_name", text(p.cap_name())),
                ("cap", Json::Integer(p.cap().into())),
                ("observed", Json::Integer(p.observed().into())),
            ],
        ),
        Error::InvariantViolation(p) => (
            "InvariantViolation",
            vec![
                ("context", text(p.context())),
                ("requirement", text(p.requirement())),
            ],
        ),
        Error::OutOfRange(p) => (
            "OutOfRange",
            vec![
                ("context", text(p.context())),
                ("requirement", text(p.requirement())),
                ("value", text(p.value())),
            ],
        ),
        Error::RankMismatch(p) => (
            "RankMismatch",
            vec![
                ("context", text(p.context())),
                ("actual", Json::Integer(p.actual().into())),
                ("actual_shape", sizes(p.actual_shape())),
            ],
        ),
        Error::ArithmeticOverflow(p) => {
            let operands = p.operands().iter();
            let operands =
                operands.map(|(name, value)| (name.to_string(), Json::Integer((*value).into())));
            (
                "ArithmeticOverflow",
                vec![
                    ("context", text(p.context())),
                    ("op_type", text(p.op_type())),
                    ("operands", Json::Object(operands.collect())),
                ],
            )
        }
        Error::UnknownEnumValue(p) => (
            "UnknownEnumValue",
            vec![
                ("type_name", text(p.type_name())),
                ("value", text(p.value())),
            ],
        ),
        Error::OutOfMemory => ("OutOfMemory", Vec::new()),
        // Without a payload, but by its own name and never as another one: MlxOp, InteriorNul, ...
        other => return refused(&variant(other), other.to_string(), Json::Object(Vec::new())),
    };
    let payload = payload
        .into_iter()
        .map(|(name, value)| (name.to_string(), value))
        .collect();
    refused(kind, error.to_string(), Json::Object(payload))
}

/// The name of a variant, as its `Debug` form begins.
fn variant(error: &Error) -> String {
    let debug = format!("{error:?}");
    debug
        .split(|c: char| !c.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .to_string()
}

fn sizes(shape: &[usize]) -> Json {
    Json::List(
        shape
            .iter()
            .map(|&size| Json::Integer(size as i128))
            .collect(),
    )
}

/// The crate boxes the error of a number twice, so that a `Box<ParseIntError>` is inside.
fn cause(error: &(dyn std::error::Error + Send + Sync + 'static)) -> &'static str {
    let number = error.downcast_ref::<ParseIntError>().or_else(|| {
        error
            .downcast_ref::<Box<ParseIntError>>()
            .map(|inner| &**inner)
    });
    match number.map(ParseIntError::kind) {
        Some(IntErrorKind::Empty) => "Empty",
        Some(IntErrorKind::InvalidDigit) => "InvalidDigit",
        Some(IntErrorKind::PosOverflow) => "PosOverflow",
        Some(IntErrorKind::NegOverflow) => "NegOverflow",
        _ => "Other",
    }
}
