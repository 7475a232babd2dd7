//! ExportConfiguration: what a server has, as a seed without secrets.

use cognate::store::record::{RecordKind, RecordWrite};
use serde_json::json;

use crate::apply_configuration::{POOL, apply, everything, export};
use crate::world::World;

#[tokio::test]
async fn an_export_has_every_object_and_no_secret() {
    let world = World::new().await;
    assert_eq!(export(&world).await, json!({}));
    let seed = everything();
    apply(&world, &seed).await.ok();
    world.identity(POOL, json!({})).await;
    let exported = export(&world).await;
    let lists: Vec<_> = exported.as_object().unwrap().keys().collect();
    let all = [
        "oidc_providers",
        "saml_providers",
        "access_keys",
        "roles",
        "pools",
    ];
    assert_eq!(lists, all);
    let text = exported.to_string();
    let key = &seed["access_keys"][0];
    for secret in ["SecretAccessKey", "AccessKeyId"] {
        assert!(!text.contains(key[secret].as_str().unwrap()), "{text}");
    }
    assert!(!text.contains("sealed"), "{text}");
    for member in [
        "Roles",
        "RoleMappings",
        "PrincipalTagAttributeMaps",
        "Settings",
    ] {
        assert_eq!(
            exported["pools"][0][member], seed["pools"][0][member],
            "{member}"
        );
    }
}

#[tokio::test]
async fn nothing_is_left_out_silently() {
    let world = World::new().await;
    apply(&world, &everything()).await.ok();
    let write = RecordWrite {
        kind: RecordKind::Role,
        key: "newer".to_owned(),
        scope: String::new(),
        expected: 0,
        json: Some(r#"{"from":"the future"}"#.to_owned()),
        limit: None,
    };
    world.store.put(&[write], &world.origin()).await.unwrap();
    cognate::app::records::refresh(&world.app).await.unwrap();
    let answer = world.admin("Cognate.ExportConfiguration", json!({})).await;
    assert_eq!(answer.error().0, 500);
}
