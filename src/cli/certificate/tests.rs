//! Certificates that are replaced while the server runs, and that end.

use std::fs;

use super::*;

fn write(files: &TlsFiles, certificate: &str, key: &str) {
    fs::write(&files.certificate_file, certificate).unwrap();
    fs::write(&files.key_file, key).unwrap();
}

fn made() -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    (made.cert.pem(), made.signing_key.serialize_pem())
}

#[test]
fn a_certificate_is_replaced_by_valid_files_only() {
    crate::cli::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificate_file: folder.path().join("certificate.pem"),
        key_file: folder.path().join("key.pem"),
    };
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    let ((first, first_key), (second, second_key)) = (made(), made());
    write(&files, &first, &second_key);
    assert!(
        ServerCertificate::read(&files, now).is_err(),
        "another certificate's key"
    );
    write(&files, &first, &first_key);
    let mut certificate = ServerCertificate::read(&files, now).unwrap();
    let in_use = Arc::clone(&certificate.in_use);
    let serves = |pem: &str| {
        let expected = CertificateDer::from_pem_slice(pem.as_bytes()).unwrap();
        in_use.0.load().cert == [expected]
    };
    for (bad_certificate, bad_key) in [
        (&*second, &*first_key),
        ("", &*first_key),
        ("no certificate", &*first_key),
        (&*second, "no key"),
        (&second[..100], &*second_key),
    ] {
        write(&files, bad_certificate, bad_key);
        assert!(PreparedCertificate::read(&files).is_err());
        assert!(serves(&first));
    }
    fs::remove_file(&files.key_file).unwrap();
    assert!(PreparedCertificate::read(&files).is_err());
    write(&files, &second, &second_key);
    let prepared = PreparedCertificate::read(&files).unwrap();
    assert!(
        serves(&first),
        "nothing is in use before the others are checked"
    );
    certificate.replace(prepared, now);
    assert!(serves(&second));
}

#[test]
fn the_log_warns_before_a_certificate_ends() {
    crate::cli::install_crypto();
    let folder = tempfile::tempdir().unwrap();
    let files = TlsFiles {
        certificate_file: folder.path().join("certificate.pem"),
        key_file: folder.path().join("key.pem"),
    };
    let (pem, key) = made();
    write(&files, &pem, &key);
    let end = end(&CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()).unwrap();
    assert_eq!(
        check(&files, end - SignedDuration::from_hours(24 * 31)).unwrap(),
        None
    );
    let text = check(&files, end - SignedDuration::from_hours(1))
        .unwrap()
        .unwrap();
    assert!(text.contains("expires soon"), "{text}");
    let text = check(&files, end + SignedDuration::from_secs(1))
        .unwrap()
        .unwrap();
    assert!(text.contains("has expired"), "{text}");
    let mut certificate =
        ServerCertificate::read(&files, end - SignedDuration::from_hours(24 * 31)).unwrap();
    assert_eq!(certificate.warned, None);
    for (left, warned) in [(29, 30 * 24), (8, 30 * 24), (6, 7 * 24), (1, 24), (-1, 0)] {
        certificate.warn_of_its_end(end - SignedDuration::from_hours(24 * left));
        assert_eq!(
            certificate.warned,
            Some(SignedDuration::from_hours(warned)),
            "{left}"
        );
    }
}
