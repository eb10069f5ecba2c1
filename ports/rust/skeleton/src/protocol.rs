//! The wire protocol: JSON-RPC 2.0 on stdin and stdout, one message a line. No library, no cache.

use std::io::{self, BufRead, Write};

use crate::json::Json;

pub const VERSION: i128 = 1;

/// What ends an operation without a result.
#[derive(Debug)]
pub enum Failure {
    /// The implementation said no: its error's name, message and fields.
    Refused {
        kind: String,
        message: String,
        payload: Json,
    },
    UnknownCache(String),
    UnknownOperation(String),
    InvalidArguments(String),
}

pub fn refused(kind: &str, message: impl Into<String>, payload: Json) -> Failure {
    Failure::Refused {
        kind: kind.to_string(),
        message: message.into(),
        payload,
    }
}

fn invalid(name: &str, wanted: &str) -> Failure {
    Failure::InvalidArguments(format!("{name} must be {wanted}"))
}

/// A tensor as it travels: MLX's dtype name, the shape, little-endian bytes in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    pub dtype: String,
    pub shape: Vec<usize>,
    pub bytes: Vec<u8>,
}

/// Bytes of one element; None for what is no dtype.
pub fn item_size(dtype: &str) -> Option<usize> {
    match dtype {
        "bool" | "uint8" | "int8" => Some(1),
        "uint16" | "int16" | "float16" | "bfloat16" => Some(2),
        "uint32" | "int32" | "float32" => Some(4),
        "uint64" | "int64" | "float64" => Some(8),
        _ => None,
    }
}

impl Tensor {
    /// Left padding and lengths travel as int32 tensors.
    pub fn rows(rows: &[i32]) -> Tensor {
        let bytes = rows.iter().flat_map(|row| row.to_le_bytes()).collect();
        Tensor {
            dtype: "int32".to_string(),
            shape: vec![rows.len()],
            bytes,
        }
    }

    pub fn to_wire(&self) -> Json {
        let digit = |nibble: u8| char::from(b"0123456789abcdef"[usize::from(nibble)]);
        let data = self
            .bytes
            .iter()
            .flat_map(|b| [digit(b >> 4), digit(b & 15)])
            .collect();
        let shape = self
            .shape
            .iter()
            .map(|&size| Json::Integer(size as i128))
            .collect();
        Json::object([
            ("dtype", Json::text(&self.dtype)),
            ("shape", Json::List(shape)),
            ("data", Json::Text(data)),
        ])
    }

    pub fn from_wire(value: &Json) -> Result<Tensor, Failure> {
        let wrong = |why: &str| Failure::InvalidArguments(format!("not a tensor: {why}"));
        let (Some(Json::Text(dtype)), Some(Json::List(sizes)), Some(Json::Text(data))) =
            (value.get("dtype"), value.get("shape"), value.get("data"))
        else {
            return Err(wrong(
                r#"it is {"dtype": name, "shape": [sizes], "data": hex}"#,
            ));
        };
        let mut count = item_size(dtype).ok_or_else(|| wrong("unknown dtype"))?;
        let mut shape = Vec::with_capacity(sizes.len());
        for size in sizes {
            let Json::Integer(size) = size else {
                return Err(wrong("a size is not an integer"));
            };
            let size = i32::try_from(*size)
                .ok()
                .and_then(|n| usize::try_from(n).ok());
            let size = size.ok_or_else(|| wrong("a size is out of range"))?;
            count = count.checked_mul(size).ok_or_else(|| wrong("too large"))?;
            shape.push(size);
        }
        let digit = |c: u8| match c {
            b'0'..=b'9' => Some(c - b'0'),
            b'a'..=b'f' => Some(c - b'a' + 10),
            _ => None,
        };
        let pairs = data.as_bytes().chunks(2);
        let bytes: Option<Vec<u8>> = pairs
            .map(|p| Some(digit(p[0])? * 16 + digit(*p.get(1)?)?))
            .collect();
        let bytes = bytes.ok_or_else(|| wrong("data is not pairs of lower-case hex digits"))?;
        if bytes.len() != count {
            return Err(wrong("data does not have the bytes of its dtype and shape"));
        }
        Ok(Tensor {
            dtype: dtype.clone(),
            shape,
            bytes,
        })
    }
}

/// The arguments of one operation; whatever is missing or of another type is a bad request.
pub struct Arguments<'a>(pub &'a Json);

impl Arguments<'_> {
    pub fn at(&self, name: &str) -> Result<&Json, Failure> {
        self.0.get(name).ok_or_else(|| invalid(name, "given"))
    }

    pub fn text(&self, name: &str) -> Result<&str, Failure> {
        match self.at(name)? {
            Json::Text(text) => Ok(text),
            _ => Err(invalid(name, "a string")),
        }
    }

    /// An integer of type T; one that T cannot hold is the implementation's refusal.
    pub fn integer<T: TryFrom<i128>>(&self, name: &str) -> Result<T, Failure> {
        integer(name, self.at(name)?)
    }

    /// A list of integers; no list at all for null and for a missing argument.
    pub fn integers<T: TryFrom<i128>>(&self, name: &str) -> Result<Option<Vec<T>>, Failure> {
        if matches!(self.0.get(name), None | Some(Json::Null)) {
            return Ok(None);
        }
        self.list(name)?
            .iter()
            .map(|item| integer(name, item))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    pub fn texts(&self, name: &str) -> Result<Vec<String>, Failure> {
        let text = |item: &Json| match item {
            Json::Text(text) => Ok(text.clone()),
            _ => Err(invalid(name, "a list of strings")),
        };
        self.list(name)?.iter().map(text).collect()
    }

    pub fn tensor(&self, name: &str) -> Result<Tensor, Failure> {
        Tensor::from_wire(self.at(name)?)
    }

    pub fn tensors(&self, name: &str) -> Result<Vec<Tensor>, Failure> {
        self.list(name)?.iter().map(Tensor::from_wire).collect()
    }

    fn list(&self, name: &str) -> Result<&[Json], Failure> {
        match self.at(name)? {
            Json::List(items) => Ok(items),
            _ => Err(invalid(name, "a list")),
        }
    }
}

fn integer<T: TryFrom<i128>>(name: &str, value: &Json) -> Result<T, Failure> {
    let Json::Integer(number) = value else {
        return Err(invalid(name, "an integer"));
    };
    T::try_from(*number).map_err(|_| {
        let message = format!("{name} does not fit its type: {number}");
        refused(
            "OutOfRange",
            message,
            Json::object([("value", Json::text(number.to_string()))]),
        )
    })
}

pub type Operation<A> = fn(&mut A, &Arguments) -> Result<Json, Failure>;

/// Who answers, and the operations that it implements, which is what the handshake declares.
pub struct Server<A: 'static> {
    pub name: &'static str,
    pub version: &'static str,
    pub dialect: &'static str,
    pub operations: &'static [&'static [(&'static str, Operation<A>)]],
}

impl<A: Default> Server<A> {
    /// Answers until `shutdown` or the end of input. Write nothing else to stdout; stderr is free.
    pub fn serve(&self) -> io::Result<()> {
        let mut adapter = A::default();
        let mut out = io::BufWriter::new(io::stdout().lock());
        for line in io::stdin().lock().split(b'\n') {
            let line = line?;
            let parsed = String::from_utf8(line).map_err(|error| error.to_string());
            let (reply, last) = match parsed.and_then(|text| Json::parse(&text)) {
                Err(why) => (
                    failed(Json::Null, -32700, format!("not JSON: {why}")),
                    false,
                ),
                Ok(Json::List(requests)) => {
                    let last = requests.iter().any(is_shutdown);
                    let replies = requests
                        .iter()
                        .map(|request| self.answer(&mut adapter, request));
                    (Json::List(replies.collect()), last)
                }
                Ok(request) => (self.answer(&mut adapter, &request), is_shutdown(&request)),
            };
            writeln!(out, "{reply}")?;
            out.flush()?;
            if last {
                break;
            }
        }
        Ok(())
    }

    fn answer(&self, adapter: &mut A, request: &Json) -> Json {
        let id = request.get("id").cloned().unwrap_or(Json::Null);
        let result = match (request.get("method"), request.get("params")) {
            (Some(Json::Text(method)), None) => self.perform(adapter, method, &Json::object([])),
            (Some(Json::Text(method)), Some(params)) => self.perform(adapter, method, params),
            _ => Err(Failure::InvalidArguments(
                "not a JSON-RPC request".to_string(),
            )),
        };
        match result {
            Ok(result) => respond(id, "result", result),
            Err(Failure::Refused {
                kind,
                message,
                payload,
            }) => {
                let data = Json::object([("kind", Json::Text(kind)), ("payload", payload)]);
                let error = [("code", Json::Integer(1)), ("message", Json::Text(message))];
                let [code, message] = error;
                respond(id, "error", Json::object([code, message, ("data", data)]))
            }
            Err(Failure::UnknownCache(name)) => {
                failed(id, 2, format!("no cache is called {name:?}"))
            }
            Err(Failure::UnknownOperation(name)) => failed(id, -32601, format!("no {name}")),
            Err(Failure::InvalidArguments(why)) => failed(id, -32602, why),
        }
    }

    fn perform(&self, adapter: &mut A, method: &str, params: &Json) -> Result<Json, Failure> {
        match method {
            "initialize" => return self.handshake(params),
            "reset" => *adapter = A::default(),
            "shutdown" => (),
            _ => {
                let known = self
                    .operations
                    .iter()
                    .flat_map(|g| *g)
                    .find(|(name, _)| *name == method);
                let (_, operation) =
                    known.ok_or_else(|| Failure::UnknownOperation(method.to_string()))?;
                return operation(adapter, &Arguments(params));
            }
        }
        Ok(Json::Null)
    }

    fn handshake(&self, params: &Json) -> Result<Json, Failure> {
        if *params.get("protocol").unwrap_or(&Json::Integer(VERSION)) != Json::Integer(VERSION) {
            return Err(invalid("protocol", "1"));
        }
        let implementation = Json::object([
            ("name", Json::text(self.name)),
            ("version", Json::text(self.version)),
            ("language", Json::text("rust")),
        ]);
        let names = self
            .operations
            .iter()
            .flat_map(|group| *group)
            .map(|(name, _)| *name);
        let capabilities = names.map(Json::text).collect();
        Ok(Json::object([
            ("protocol", Json::Integer(VERSION)),
            ("implementation", implementation),
            ("dialect", Json::text(self.dialect)),
            ("capabilities", Json::List(capabilities)),
        ]))
    }
}

fn is_shutdown(request: &Json) -> bool {
    matches!(request.get("method"), Some(Json::Text(method)) if method == "shutdown")
}

fn respond(id: Json, key: &str, value: Json) -> Json {
    Json::object([("jsonrpc", Json::text("2.0")), ("id", id), (key, value)])
}

fn failed(id: Json, code: i128, message: String) -> Json {
    let error = Json::object([
        ("code", Json::Integer(code)),
        ("message", Json::Text(message)),
    ]);
    respond(id, "error", error)
}
