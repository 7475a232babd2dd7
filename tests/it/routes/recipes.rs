//! The recipes of docs/routes.md as they are written, with stand-ins in the place of AWS and MinIO.

use super::*;

const RECIPES: &str = include_str!("../../../docs/routes.md");

/// As MinIO documents its answer: no AssumedRoleUser, and the subject beside the credentials.
fn minios(asked: &Asked) -> String {
    given(asked).replace(
        "</Credentials>",
        "</Credentials><SubjectFromWebIdentityToken>somebody</SubjectFromWebIdentityToken>",
    )
}

/// The configurations in the section called `name`, without what indents them.
fn configuration(name: &str) -> String {
    let (_, section) = RECIPES
        .split_once(&format!("\n## {name}\n"))
        .expect("a section");
    let section = section.split("\n## ").next().expect("its text");
    let (_, block) = section.split_once("```toml\n").expect("a configuration");
    let block = block.split("```").next().expect("its end");
    let lines = block
        .lines()
        .map(|line| line.strip_prefix("   ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

/// What the STS is asked for a user of `role`, by the recipe of a section.
async fn asked(section: &str, role: &str) -> (Asked, String) {
    let answer: fn(&Asked) -> String = if section == "MinIO" { minios } else { given };
    let sts = StandIn::new(move |asked| (200, json!(answer(asked)))).await;
    let scene = Scene::with(sts, &configuration(section)).await;
    scene.roles(role, role).await.ok();
    let (ada, logins) = scene.user("ada").await;
    scene.world.credentials(&ada, logins).await.ok();
    (scene.last(), ada)
}

fn audience(asked: &Asked) -> Value {
    crate::world::part(asked.parameter("WebIdentityToken"), 1)["aud"].clone()
}

#[tokio::test]
async fn the_recipe_for_aws_works_as_it_is_written() {
    let role = "arn:aws:iam::210987654321:role/User";
    let (asked, ada) = asked("AWS", role).await;
    assert_eq!(asked.parameter("RoleArn"), role);
    assert_eq!(audience(&asked), json!("aws-users"));
    let folder = format!("arn:aws:s3:::homes/{ada}/*");
    assert!(asked.parameter("Policy").contains(&folder), "{asked:?}");
}

#[tokio::test]
async fn the_recipe_for_minio_works_as_it_is_written() {
    let role = "arn:minio:iam:::role/nOybJqMNzNmroqEKq5D0EUsRZw0";
    let (asked, ada) = asked("MinIO", role).await;
    assert_eq!(asked.parameter("RoleArn"), role);
    assert_eq!(audience(&asked), json!("minio.example.net"));
    let folder = format!("arn:aws:s3:::homes/{ada}/*");
    assert!(asked.parameter("Policy").contains(&folder), "{asked:?}");
}
