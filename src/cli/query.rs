//! The Query protocol of IAM, as a client speaks it: the form of a request, and the XML of an answer.

use miette::{IntoDiagnostic, Result, WrapErr, miette};
use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::{Map, Value};

/// The version of IAM's API.
const VERSION: &str = "2010-05-08";

/// The deepest nesting of an answer that is read.
const DEEPEST: usize = 32;

const NOT_XML: &str = "the answer isn't XML: check that --endpoint is a Cognate server";

/// The body of a request with this input: lists are `NAME.member.1` and so on.
pub(super) fn form(operation: &str, input: &Value) -> String {
    let mut form = form_urlencoded::Serializer::new(String::new());
    form.append_pair("Action", operation);
    form.append_pair("Version", VERSION);
    append(&mut form, "", input);
    form.finish()
}

fn append(form: &mut form_urlencoded::Serializer<'_, String>, name: &str, value: &Value) {
    let below = |part: &str| match name {
        "" => part.to_owned(),
        _ => format!("{name}.{part}"),
    };
    match value {
        Value::Null => {}
        Value::Object(members) => {
            for (member, value) in members {
                append(form, &below(member), value);
            }
        }
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                append(form, &below(&format!("member.{}", index + 1)), item);
            }
        }
        Value::String(text) => {
            form.append_pair(name, text);
        }
        other => {
            form.append_pair(name, &other.to_string());
        }
    }
}

/// An element that is being read.
#[derive(Default)]
struct Element {
    name: String,
    text: String,
    children: Vec<(String, Value)>,
}

impl Element {
    /// An array of the children named `member`, an object of other children, or the text.
    fn into_value(self) -> Value {
        if self.children.is_empty() {
            return Value::String(self.text);
        }
        if self.children.iter().all(|(name, _)| name == "member") {
            return self.children.into_iter().map(|(_, value)| value).collect();
        }
        Value::Object(Map::from_iter(self.children))
    }
}

/// The members of an answer's root element. Every scalar is a string, and so is an empty list.
pub(super) fn read(xml: &[u8]) -> Result<Value> {
    let xml = str::from_utf8(xml).into_diagnostic().wrap_err(NOT_XML)?;
    let mut reader = Reader::from_str(xml);
    let mut open = vec![Element::default()];
    loop {
        match reader.read_event().into_diagnostic().wrap_err(NOT_XML)? {
            Event::Start(tag) if open.len() < DEEPEST => open.push(Element {
                name: tag.local_name().as_ref().to_owned(),
                ..Element::default()
            }),
            Event::Empty(tag) => {
                let name = tag.local_name().as_ref().to_owned();
                let parent = open.last_mut().ok_or_else(|| miette!(NOT_XML))?;
                parent.children.push((name, Value::from("")));
            }
            Event::End(_) => {
                let mut ended = open.pop().ok_or_else(|| miette!(NOT_XML))?;
                let name = std::mem::take(&mut ended.name);
                let parent = open.last_mut().ok_or_else(|| miette!(NOT_XML))?;
                parent.children.push((name, ended.into_value()));
            }
            Event::Text(text) => {
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::GeneralRef(entity) => {
                let escaped = format!("&{};", &*entity);
                let text = quick_xml::escape::unescape(&escaped);
                let text = text.into_diagnostic().wrap_err(NOT_XML)?;
                if let Some(element) = open.last_mut() {
                    element.text.push_str(&text);
                }
            }
            Event::Eof => break,
            Event::Decl(_) | Event::Comment(_) => {}
            _ => return Err(miette!(NOT_XML)),
        }
    }
    match open.pop().map(|document| document.children) {
        Some(mut roots) if roots.len() == 1 && open.is_empty() => {
            Ok(roots.pop().map(|(_, root)| root).unwrap_or_default())
        }
        _ => Err(miette!(NOT_XML)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn lists_are_numbered_members() {
        let input =
            json!({ "Url": "https://a b", "ClientIDList": ["x", "y"], "Max": 1, "No": null });
        assert_eq!(
            form("CreateOpenIDConnectProvider", &input),
            "Action=CreateOpenIDConnectProvider&Version=2010-05-08&Url=https%3A%2F%2Fa+b&ClientIDList.member.1=x\
             &ClientIDList.member.2=y&Max=1"
        );
    }

    #[test]
    fn an_answer_is_objects_arrays_and_strings() {
        let xml = b"<?xml version=\"1.0\"?><R xmlns=\"x\"><Result><Roles><member><Name>a &lt;&#65; b</Name></member>\
                    <member><Name/></member></Roles><Tags/></Result></R>";
        let wanted = json!({ "Result": {
            "Roles": [{ "Name": "a <A b" }, { "Name": "" }], "Tags": "",
        } });
        assert_eq!(read(xml).unwrap(), wanted);
    }

    #[test]
    fn what_is_no_answer_is_refused() {
        for text in ["", "{}", "<a>", "<a></b>", "<a/><b/>", "<!DOCTYPE a><a/>"] {
            let refused = read(text.as_bytes()).unwrap_err().to_string();
            assert!(refused.contains("isn't XML"), "{text}: {refused}");
        }
        let deep = "<a>".repeat(1000);
        assert!(read(deep.as_bytes()).is_err());
    }
}
