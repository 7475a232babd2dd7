//! A user's AWS configuration file: nothing of other programs is lost, and writing the profile again changes nothing.
#![no_main]

use cognate::model::aws_profile::AwsProfile;

cognate_fuzz::target!(|before: &str| {
    for name in ["ci", "default"] {
        let profile = AwsProfile {
            name,
            endpoint: "https://id.example.com",
            region: "us-east-1",
            s3_endpoint: Some("https://s3.example.com"),
            program: "cognate",
        };
        let Some(after) = profile.write_to(before) else {
            continue;
        };
        let kept = after
            .strip_suffix(&*profile.text())
            .expect("the sections at the end");
        assert_eq!(profile.write_to(&after).as_deref(), Some(&*after));
        // What is kept is a part of the file, in its order.
        let mut lines = before.lines();
        for line in kept.trim_end().lines() {
            assert!(
                lines.any(|other| other.trim_end() == line.trim_end()),
                "{line:?}"
            );
        }
        // What only another program wrote is kept as a whole.
        if !before.contains("credentials --profile") {
            let lines = |text: &str| {
                text.trim_end()
                    .lines()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            assert!(
                lines(kept) == lines(before) || before.contains('['),
                "{kept}"
            );
        }
    }
});
