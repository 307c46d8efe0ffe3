//! Record schemas that change: binary encoding, resolution of a writer's schema to a reader's, and compatibility.
//!
//! After the Apache Avro 1.12 specification ("Binary Encoding", "Schema Resolution": fields by name, defaults,
//! promotions) for records of primitive fields, and Confluent's Schema Registry ("Schema Evolution and Compatibility",
//! "Wire format": a zero byte, the schema's id in four bytes, big-endian, and the data). Left out: unions, nested
//! types, aliases, logical types.

use std::rc::Rc;

/// The type of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    Int,
    Long,
    Double,
    Text,
    Bytes,
}

impl Type {
    /// Its name in a schema.
    pub const fn name(self) -> &'static str {
        match self {
            Type::Int => "int",
            Type::Long => "long",
            Type::Double => "double",
            Type::Text => "string",
            Type::Bytes => "bytes",
        }
    }

    /// Whether what was written as this type may be read as the other: the same, or a promotion.
    pub const fn reads_as(self, reader: Type) -> bool {
        matches!(
            (self, reader),
            (Type::Int, Type::Int | Type::Long | Type::Double)
                | (Type::Long, Type::Long | Type::Double)
                | (Type::Double, Type::Double)
                | (Type::Text | Type::Bytes, Type::Text | Type::Bytes)
        )
    }
}

/// A value of a field. Doubles are whole numbers here, kept as such.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    Number(i64),
    Text(Rc<str>),
}

/// A field of a record.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    pub name: &'static str,
    pub kind: Type,
    /// What a reader takes when the writer had no such field.
    pub default: Option<Value>,
}

/// A record's schema.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schema {
    pub fields: Vec<Field>,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Problem {
    /// The reader's field is not in the data and has no default.
    Missing(&'static str),
    /// The types do not match: field, writer's type, reader's type.
    Types(&'static str, Type, Type),
    /// The bytes are not what the schema says.
    Garbled,
}

impl Problem {
    /// "field currency is missing and has no default".
    pub fn words(&self) -> String {
        match self {
            Problem::Missing(field) => format!("field {field} is missing and has no default"),
            Problem::Types(field, wrote, reads) => {
                format!("field {field} was written as {} and is read as {}", wrote.name(), reads.name())
            }
            Problem::Garbled => "the bytes are not what the schema says".to_owned(),
        }
    }
}

impl Schema {
    /// The field with this name.
    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.iter().find(|field| field.name == name)
    }

    /// Whether data of this writer can be read with that reader.
    pub fn readable_by(&self, reader: &Schema) -> Result<(), Problem> {
        reader.fields.iter().try_for_each(|field| match self.field(field.name) {
            Some(wrote) if wrote.kind.reads_as(field.kind) => Ok(()),
            Some(wrote) => Err(Problem::Types(field.name, wrote.kind, field.kind)),
            None if field.default.is_some() => Ok(()),
            None => Err(Problem::Missing(field.name)),
        })
    }
}

/// The compatibility of a subject: what a new version is checked against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Mode {
    /// The new version reads data of earlier ones.
    pub backward: bool,
    /// Earlier versions read data of the new one.
    pub forward: bool,
    /// Against all versions, not just the last.
    pub transitive: bool,
}

/// Checks a new version against the earlier ones, oldest first: the version that it clashes with, and why.
pub fn check(mode: Mode, new: &Schema, earlier: &[Rc<Schema>]) -> Result<(), (usize, Problem)> {
    let first = if mode.transitive { 0 } else { earlier.len().saturating_sub(1) };
    for (at, old) in earlier.iter().enumerate().skip(first).rev() {
        let backward = if mode.backward { old.readable_by(new) } else { Ok(()) };
        let forward = if mode.forward { new.readable_by(old) } else { Ok(()) };
        backward.and(forward).map_err(|problem| (at, problem))?;
    }
    Ok(())
}

/// Avro's variable-length zig-zag form of a whole number.
fn put_long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn take_long(bytes: &mut &[u8]) -> Result<i64, Problem> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (first, rest) = bytes.split_first().ok_or(Problem::Garbled)?;
        *bytes = rest;
        value |= u64::from(first & 0x7f) << shift;
        if first & 0x80 == 0 {
            return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
        }
    }
    Err(Problem::Garbled)
}

/// A record in Avro's binary form. A value of the wrong type counts as zero or as empty.
pub fn encode(schema: &Schema, values: &[Value]) -> Vec<u8> {
    let mut out = Vec::new();
    for (field, value) in schema.fields.iter().zip(values) {
        match (field.kind, value) {
            (Type::Int | Type::Long, Value::Number(number)) => put_long(&mut out, *number),
            (Type::Double, Value::Number(number)) => out.extend_from_slice(&(*number as f64).to_bits().to_le_bytes()),
            (_, Value::Text(text)) => {
                put_long(&mut out, text.len() as i64);
                out.extend_from_slice(text.as_bytes());
            }
            _ => put_long(&mut out, 0),
        }
    }
    out
}

fn take_value(kind: Type, bytes: &mut &[u8]) -> Result<Value, Problem> {
    match kind {
        Type::Int => {
            let number = take_long(bytes)?;
            i32::try_from(number).map(|number| Value::Number(i64::from(number))).map_err(|_| Problem::Garbled)
        }
        Type::Long => take_long(bytes).map(Value::Number),
        Type::Double => {
            let (raw, rest) = bytes.split_first_chunk::<8>().ok_or(Problem::Garbled)?;
            *bytes = rest;
            Ok(Value::Number(f64::from_bits(u64::from_le_bytes(*raw)) as i64))
        }
        Type::Text | Type::Bytes => {
            let length = usize::try_from(take_long(bytes)?).map_err(|_| Problem::Garbled)?;
            let (text, rest) = bytes.split_at_checked(length).ok_or(Problem::Garbled)?;
            *bytes = rest;
            std::str::from_utf8(text).map(|text| Value::Text(text.into())).map_err(|_| Problem::Garbled)
        }
    }
}

/// Reads a record with its writer's schema alone.
pub fn decode(writer: &Schema, mut bytes: &[u8]) -> Result<Vec<Value>, Problem> {
    let values = writer.fields.iter().map(|field| take_value(field.kind, &mut bytes)).collect::<Result<_, _>>()?;
    if bytes.is_empty() { Ok(values) } else { Err(Problem::Garbled) }
}

/// Reads a record with its writer's schema into its reader's: by name, with defaults.
pub fn resolve(writer: &Schema, reader: &Schema, bytes: &[u8]) -> Result<Vec<Value>, Problem> {
    writer.readable_by(reader)?;
    let values = decode(writer, bytes)?;
    let value = |field: &Field| {
        let at = writer.fields.iter().position(|wrote| wrote.name == field.name);
        at.and_then(|at| values.get(at).cloned()).or_else(|| field.default.clone())
    };
    reader.fields.iter().map(|field| value(field).ok_or(Problem::Missing(field.name))).collect()
}

/// The wire format: a zero byte, the schema's id, the data.
pub fn frame(id: u32, data: &[u8]) -> Vec<u8> {
    let mut out = vec![0];
    out.extend_from_slice(&id.to_be_bytes());
    out.extend_from_slice(data);
    out
}

/// The schema's id and the data of a framed record; `None` without the zero byte or the id.
pub fn unframe(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let rest = bytes.strip_prefix(&[0])?;
    let (id, data) = rest.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*id), data))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &'static str, kind: Type, default: Option<i64>) -> Field {
        Field { name, kind, default: default.map(Value::Number) }
    }

    fn schema(fields: &[Field]) -> Rc<Schema> {
        Rc::new(Schema { fields: fields.to_vec() })
    }

    const BACKWARD: Mode = Mode { backward: true, forward: false, transitive: false };
    const FORWARD: Mode = Mode { backward: false, forward: true, transitive: false };
    const FULL: Mode = Mode { backward: true, forward: true, transitive: false };

    /// Confluent's table of allowed changes.
    #[test]
    fn what_each_mode_allows() {
        let old = schema(&[field("a", Type::Int, None), field("b", Type::Int, Some(0))]);
        let a = field("a", Type::Int, None);
        let b = field("b", Type::Int, Some(0));
        let cases = [
            ("add optional", vec![a.clone(), b.clone(), field("c", Type::Int, Some(1))], [true, true, true]),
            ("add required", vec![a.clone(), b.clone(), field("c", Type::Int, None)], [false, true, false]),
            ("remove optional", vec![a.clone()], [true, true, true]),
            ("remove required", vec![b.clone()], [true, false, false]),
            ("widen", vec![field("a", Type::Long, None), b.clone()], [true, false, false]),
            ("retype", vec![field("a", Type::Text, None), b], [false, false, false]),
        ];
        for (what, fields, allowed) in cases {
            let new = schema(&fields);
            let found = [BACKWARD, FORWARD, FULL].map(|mode| check(mode, &new, std::slice::from_ref(&old)).is_ok());
            assert_eq!(found, allowed, "{what}");
        }
    }

    /// Remove a field, and add it again with another type: each step is fine, but the two together are not.
    #[test]
    fn transitive_modes_look_at_all_versions() {
        let key = field("a", Type::Int, None);
        let one = schema(&[key.clone(), field("b", Type::Int, Some(0))]);
        let two = schema(std::slice::from_ref(&key));
        let three = schema(&[key, Field { name: "b", kind: Type::Text, default: Some(Value::Text("".into())) }]);
        let before = [one, two];
        assert_eq!(check(BACKWARD, &three, &before), Ok(()));
        let clash = (0, Problem::Types("b", Type::Int, Type::Text));
        assert_eq!(check(Mode { transitive: true, ..BACKWARD }, &three, &before), Err(clash));
    }

    /// Avro specification, "Binary Encoding": the examples of zig-zag numbers and of a record.
    #[test]
    fn the_examples_of_the_specification() {
        for (number, bytes) in
            [(0, &[0x00][..]), (-1, &[0x01]), (1, &[0x02]), (-2, &[0x03]), (-64, &[0x7f]), (64, &[0x80, 0x01])]
        {
            let mut out = Vec::new();
            put_long(&mut out, number);
            assert_eq!(out, bytes);
            assert_eq!(take_long(&mut &out[..]), Ok(number));
        }
        let test = schema(&[field("a", Type::Long, None), Field { name: "b", kind: Type::Text, default: None }]);
        let values = [Value::Number(27), Value::Text("foo".into())];
        let bytes = encode(&test, &values);
        assert_eq!(bytes, [0x36, 0x06, 0x66, 0x6f, 0x6f]);
        assert_eq!(decode(&test, &bytes), Ok(values.to_vec()));
    }

    #[test]
    fn resolution_goes_by_name_with_promotions_and_defaults() {
        let writer = schema(&[field("a", Type::Int, None), field("b", Type::Int, None)]);
        let reader = schema(&[field("c", Type::Int, Some(7)), field("b", Type::Double, None)]);
        let bytes = encode(&writer, &[Value::Number(1), Value::Number(-5)]);
        assert_eq!(resolve(&writer, &reader, &bytes), Ok(vec![Value::Number(7), Value::Number(-5)]));
        assert_eq!(resolve(&reader, &writer, &[]), Err(Problem::Missing("a")));
        let double = schema(&[field("b", Type::Double, None)]);
        assert_eq!(decode(&double, &encode(&double, &[Value::Number(-5)])), Ok(vec![Value::Number(-5)]));
    }

    #[test]
    fn wrong_schemas_read_garbage_or_nothing() {
        let one = schema(&[field("a", Type::Int, None)]);
        let two = schema(&[field("a", Type::Int, None), field("b", Type::Int, Some(0))]);
        let bytes = encode(&one, &[Value::Number(3)]);
        assert_eq!(decode(&two, &bytes), Err(Problem::Garbled));
        assert_eq!(decode(&one, &encode(&two, &[Value::Number(3), Value::Number(4)])), Err(Problem::Garbled));
        assert_eq!(decode(&one, &[0x80]), Err(Problem::Garbled));
    }

    #[test]
    fn the_wire_format() {
        assert_eq!(frame(258, &[9]), [0, 0, 0, 1, 2, 9]);
        assert_eq!(unframe(&[0, 0, 0, 1, 2, 9]), Some((258, &[9][..])));
        assert_eq!((unframe(&[1, 0, 0, 1, 2, 9]), unframe(&[0, 0, 1])), (None, None));
    }
}
