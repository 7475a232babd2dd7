//! A profile in the AWS configuration file: the process that gives its keys, and the endpoints of its services. The file belongs
//! to the user and to other programs, so everything else in it stays as it is.

/// What a profile consists of. The values have no line breaks.
#[derive(Debug, Clone, Copy)]
pub struct AwsProfile<'a> {
    /// The name: letters, digits, `-` and `_`.
    pub name: &'a str,
    /// The server's URL.
    pub endpoint: &'a str,
    /// The region.
    pub region: &'a str,
    /// The URL of the S3 store.
    pub s3_endpoint: Option<&'a str>,
    /// The program, quoted if it needs to be.
    pub program: &'a str,
}

impl AwsProfile<'_> {
    /// The profile's sections.
    pub fn text(&self) -> String {
        let Self {
            name,
            endpoint,
            region,
            program,
            ..
        } = self;
        let header = match *name {
            "default" => "default".to_owned(),
            _ => format!("profile {name}"),
        };
        let mut text = format!(
            "[{header}]\nregion = {region}\ncredential_process = {program} credentials --profile {name}\nservices = cognate-{name}\n"
        );
        if self.s3_endpoint.is_some() {
            // botocore reads this in the profile only.
            text.push_str("s3 =\n  addressing_style = path\n");
        }
        text = format!("{text}\n[services cognate-{name}]\n");
        if let Some(store) = self.s3_endpoint {
            text = format!("{text}s3 =\n  endpoint_url = {store}\n");
        }
        format!(
            "{text}sts =\n  endpoint_url = {endpoint}\ncognito_identity =\n  endpoint_url = {endpoint}\n"
        )
    }

    /// The file with these sections instead of the profile's present ones; `None` if another program wrote those, or if programs
    /// read them in different ways.
    pub fn write_to(&self, before: &str) -> Option<String> {
        let (mut kept, mut own) = (String::new(), String::new());
        let mut is_own = false;
        for line in before.split_inclusive('\n') {
            if let Some(header) = header(line.trim_start()) {
                let names_it = self.is_header(&header);
                // An indented header continues a value for some programs, and begins a section for others.
                let is_indented = line.starts_with(char::is_whitespace);
                if is_indented && (is_own || names_it) {
                    return None;
                }
                if !is_indented {
                    is_own = names_it;
                }
            }
            let text = if is_own { &mut own } else { &mut kept };
            text.push_str(line);
        }
        let process = format!("credentials --profile {}", self.name);
        let is_of_this_program = own.lines().any(|line| line.ends_with(&process));
        if !own.trim().is_empty() && !is_of_this_program {
            return None;
        }
        let sections = self.text();
        Some(match kept.trim_end() {
            "" => sections,
            kept => format!("{kept}\n\n{sections}"),
        })
    }

    /// Whether a header, with single spaces and without quotes, is of one of the sections.
    fn is_header(&self, header: &str) -> bool {
        let name = self.name;
        let is_default = name == "default" && header == "default";
        is_default
            || header == format!("profile {name}")
            || header == format!("services cognate-{name}")
    }
}

/// The words of a section's header, as the SDKs read them: with any spaces, quotes, and text after the bracket.
fn header(line: &str) -> Option<String> {
    let inner = line.strip_prefix('[')?.split(']').next()?;
    let words = inner.split_whitespace();
    let words = words.map(|word| word.trim_matches(['"', '\'']));
    Some(words.collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own(s3_endpoint: Option<&str>) -> AwsProfile<'_> {
        AwsProfile {
            name: "ci",
            endpoint: "https://id.example.com",
            region: "us-east-1",
            s3_endpoint,
            program: "cognate",
        }
    }

    #[test]
    fn other_sections_are_kept_and_own_ones_are_replaced() {
        let first = own(Some("https://s3.example.com"));
        assert_eq!(
            first.text(),
            "[profile ci]\nregion = us-east-1\ncredential_process = cognate credentials --profile ci\nservices = \
             cognate-ci\ns3 =\n  addressing_style = path\n\n[services cognate-ci]\ns3 =\n  endpoint_url = \
             https://s3.example.com\nsts =\n  endpoint_url = https://id.example.com\ncognito_identity =\n  endpoint_url \
             = https://id.example.com\n"
        );
        let other = "# mine\n[default]\nregion = x\n\n[profile cinema]\na = b\n";
        let text = first.write_to(other).unwrap();
        assert_eq!(text, format!("{other}\n{}", first.text()));
        let second = own(None);
        let replaced = second.write_to(&text).unwrap();
        assert_eq!(replaced, format!("{other}\n{}", second.text()));
        assert_eq!(first.write_to("").unwrap(), first.text());
    }

    #[test]
    fn the_line_ends_of_other_sections_are_kept() {
        let other = "# mine\r\n[default]\r\nregion = x\r\r\n\r\n[profile cinema]\r\na = b";
        let text = own(None).write_to(&format!("{other}\r\n")).unwrap();
        assert_eq!(text, format!("{other}\n\n{}", own(None).text()));
        assert_eq!(own(None).write_to(&text).as_ref(), Some(&text));
        let with_crlf = own(None).text().replace('\n', "\r\n");
        let replaced = own(None).write_to(&with_crlf);
        assert_eq!(replaced.as_deref(), Some(&*own(None).text()));
    }

    #[test]
    fn another_spelling_of_the_header_is_the_same_section() {
        for header in [
            "[profile ci]",
            "[profile  ci ]",
            "[ profile \"ci\" ]",
            "[profile 'ci'] # mine",
        ] {
            let of_another = format!("{header}\nregion = x\n");
            assert_eq!(own(None).write_to(&of_another), None, "{header}");
            let of_this =
                format!("{header}\ncredential_process = cognate credentials --profile ci\n");
            let replaced = own(None).write_to(&of_this);
            assert_eq!(replaced.as_deref(), Some(&*own(None).text()), "{header}");
        }
        let mut default = own(None);
        default.name = "default";
        for header in ["[default]", "[profile default]"] {
            assert_eq!(default.write_to(&format!("{header}\nregion = x\n")), None);
        }
    }

    #[test]
    fn an_indented_header_is_not_interpreted() {
        let indented = "[profile other]\na =\n  [profile ci]\n";
        assert_eq!(own(None).write_to(indented), None);
        let inside = format!("{}  [profile other]\n  region = x\n", own(None).text());
        assert_eq!(own(None).write_to(&inside), None);
        let elsewhere = "[profile other]\na =\n  [profile third]\n";
        assert!(
            own(None)
                .write_to(elsewhere)
                .unwrap()
                .starts_with(elsewhere)
        );
    }
}
