//! A request in the Query protocol. The first letter says how it comes: `f` a form, `i` and `s` a form that the root key
//! signs for IAM or STS, `j` a form whose answer is to be JSON, `g` a query.
#![no_main]

use cognate::model::json;
use cognate_fuzz::{server, signed};
use http::{HeaderMap, HeaderValue, Request, Uri};

cognate_fuzz::target!(|bytes: &[u8]| {
    let Some((how, form)) = bytes.split_first() else {
        return;
    };
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("127.0.0.1:2646"));
    let form_type = HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    headers.insert("content-type", form_type);
    let mut request = match how {
        b'g' => {
            let Ok(uri) = Uri::try_from([b"/?", form].concat()) else {
                return;
            };
            Request::get(uri).body(Vec::new()).expect("a request")
        }
        b'f' | b'i' | b'j' | b's' => Request::post("/").body(form.to_vec()).expect("a request"),
        _ => return,
    };
    match how {
        b'i' => headers.extend(signed("POST", &headers, form, "iam")),
        b's' => headers.extend(signed("POST", &headers, form, "sts")),
        b'j' => drop(headers.insert("accept", HeaderValue::from_static("application/json"))),
        _ => {}
    }
    *request.headers_mut() = headers;
    let (answer, body) = server().ask(request);
    let status = answer.status().as_u16();
    // The answer to clients of S3, in a form of theirs.
    if status == 501 {
        return;
    }
    assert!(status < 500, "{status}");
    let in_xml = answer.headers()["content-type"] == "text/xml";
    if in_xml {
        let text = std::str::from_utf8(&body).expect("UTF-8");
        let mut reader = quick_xml::Reader::from_str(text);
        while reader.read_event().expect("well-formed XML") != quick_xml::events::Event::Eof {}
    } else {
        json::read(&body).expect("strict JSON");
    }
});
