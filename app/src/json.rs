//! JSON, read and written by the browser's own parser: one of our own would weigh more than everything stored with it.

use js_sys::{Array, JSON, Object, Reflect};
use wasm_bindgen::{JsCast, JsValue};

/// What a text says, if it is JSON.
pub fn parse(text: &str) -> Option<JsValue> {
    JSON::parse(text).ok()
}

/// A field of an object; undefined where there is none.
pub fn field(value: &JsValue, name: &str) -> JsValue {
    Reflect::get(value, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// A whole number from 0.
pub fn whole(value: &JsValue) -> Option<usize> {
    let number = value.as_f64().filter(|number| *number >= 0.0)?;
    let whole = number as usize;
    (whole as f64 == number).then_some(whole)
}

/// The fields of an object.
pub fn fields(value: &JsValue) -> Option<Vec<(String, JsValue)>> {
    let object = Object::try_from(value)?;
    let pairs = Object::entries(object).into_iter().map(|pair| pair.unchecked_into::<Array>());
    pairs.map(|pair| Some((pair.get(0).as_string()?, pair.get(1)))).collect()
}

/// The items of a list.
pub fn items(value: &JsValue) -> Option<Vec<JsValue>> {
    Array::is_array(value).then(|| Array::from(value).to_vec())
}

/// A list of texts.
pub fn texts(value: &JsValue) -> Option<Vec<String>> {
    items(value)?.iter().map(JsValue::as_string).collect()
}

/// An object of these fields.
pub fn object<'a>(fields: impl IntoIterator<Item = (&'a str, JsValue)>) -> JsValue {
    let object = Object::new();
    for (name, value) in fields {
        // A plain object takes every field.
        let _ = Reflect::set(&object, &name.into(), &value);
    }
    object.into()
}

/// A list of these.
pub fn list(values: impl Iterator<Item = JsValue>) -> JsValue {
    values.collect::<Array>().into()
}

/// The text of a value, each level indented by this many spaces; on one line for 0.
pub fn text(value: &JsValue, indent: u32) -> String {
    let text = JSON::stringify_with_replacer_and_space(value, &JsValue::NULL, &indent.into());
    text.map(String::from).unwrap_or_default()
}
