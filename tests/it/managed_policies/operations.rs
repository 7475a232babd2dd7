//! The actions that keep managed policies, versions, attachments and boundaries, their limits and their refusals.

use cognate::app::records;
use cognate::store::record::{RecordKind, RecordWrite};
use serde_json::json;

use super::{LISTS_ROLES, attach, bound, done, policy, policy_arn, role};
use crate::world::{Answer, World};

const READER: &str = "arn:aws:iam::123456789012:policy/team/Reader";

fn all(answer: &Answer, element: &str) -> Vec<String> {
    let tag = format!("<{element}>");
    let parts = answer.text.split(&tag).skip(1);
    parts
        .map(|part| part.split('<').next().unwrap().to_owned())
        .collect()
}

async fn get(world: &World, arn: &str) -> Answer {
    world.iam("GetPolicy", &[("PolicyArn", arn)]).await
}

async fn version(world: &World, arn: &str, is_default: &str) -> Answer {
    let parameters = [
        ("PolicyArn", arn),
        ("PolicyDocument", LISTS_ROLES),
        ("SetAsDefault", is_default),
    ];
    world.iam("CreatePolicyVersion", &parameters).await
}

#[tokio::test]
async fn a_policy_shows_what_it_was_given() {
    let world = World::new().await;
    let created = world
        .iam(
            "CreatePolicy",
            &[
                ("PolicyName", "Reader"),
                ("Path", "/team/"),
                ("PolicyDocument", LISTS_ROLES),
                ("Description", "reads"),
                ("Tags.member.1.Key", "team"),
                ("Tags.member.1.Value", "blue"),
            ],
        )
        .await;
    done(&created);
    let id = created.xml("PolicyId").unwrap();
    assert!(id.starts_with("ANPA") && id.len() == 20, "{id}");
    let shown = get(&world, READER).await;
    let request = shown.header("x-amzn-requestid").unwrap();
    assert_eq!(
        shown.text,
        format!(
            "<GetPolicyResponse xmlns=\"https://iam.amazonaws.com/doc/2010-05-08/\"><GetPolicyResult><Policy>\
             <PolicyName>Reader</PolicyName><PolicyId>{id}</PolicyId><Arn>{READER}</Arn><Path>/team/</Path>\
             <DefaultVersionId>v1</DefaultVersionId><AttachmentCount>0</AttachmentCount>\
             <PermissionsBoundaryUsageCount>0</PermissionsBoundaryUsageCount><IsAttachable>true</IsAttachable>\
             <Description>reads</Description><CreateDate>2026-03-01T12:00:00Z</CreateDate>\
             <UpdateDate>2026-03-01T12:00:00Z</UpdateDate>\
             <Tags><member><Key>team</Key><Value>blue</Value></member></Tags></Policy></GetPolicyResult>\
             <ResponseMetadata><RequestId>{request}</RequestId></ResponseMetadata></GetPolicyResponse>"
        )
    );
    let shown = [("PolicyArn", READER), ("VersionId", "v1")];
    let shown = world.iam("GetPolicyVersion", &shown).await;
    let document = shown.xml("Document").unwrap();
    let document = percent_encoding::percent_decode_str(&document).decode_utf8();
    assert_eq!(document.unwrap(), LISTS_ROLES);
    assert_eq!(shown.xml("IsDefaultVersion").as_deref(), Some("true"));
}

#[tokio::test]
async fn a_name_is_taken_whatever_its_case_and_path() {
    let world = World::new().await;
    policy(&world, "Reader").await;
    for (name, path) in [("Reader", "/"), ("READER", "/"), ("Reader", "/team/")] {
        let parameters = [
            ("PolicyName", name),
            ("Path", path),
            ("PolicyDocument", LISTS_ROLES),
        ];
        world.iam("CreatePolicy", &parameters).await.query_refused(
            409,
            "EntityAlreadyExists",
            &format!("A policy called {name} already exists. Duplicate names are not allowed."),
        );
    }
    let other = "arn:aws:iam::123456789012:policy/READER";
    let text = format!("Policy {other} was not found.");
    let answer = get(&world, other).await;
    answer.query_refused(404, "NoSuchEntity", &text);
    let answer = get(&world, "Reader-without-an-ARN").await;
    let text = "ARN Reader-without-an-ARN is not valid.";
    answer.query_refused(400, "InvalidInput", text);
}

#[tokio::test]
async fn a_document_is_read_when_it_is_written() {
    let world = World::new().await;
    let arn = policy(&world, "Reader").await;
    let long = |characters: usize| {
        let resource = format!("arn:aws:s3:::{}", "x".repeat(characters));
        let statement = json!({ "Effect": "Allow", "Action": "s3:*", "Resource": resource });
        json!({ "Version": "2012-10-17", "Statement": statement }).to_string()
    };
    let rest = 6144 - long(0).len();
    let spaced = long(rest).replace("\":", "\": \n");
    for (document, code, text) in [
        (
            "{}",
            "MalformedPolicyDocument",
            Some("Missing required field Statement"),
        ),
        ("{", "MalformedPolicyDocument", None),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*"}}"#,
            "MalformedPolicyDocument",
            None,
        ),
        (
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*","Condition":{"StringEquals":{"aws:SourceVpc":"x"}}}}"#,
            "MalformedPolicyDocument",
            None,
        ),
        (
            &long(rest + 1),
            "LimitExceeded",
            Some("Cannot exceed quota for PolicySize: 6144"),
        ),
    ] {
        for (action, member, name) in [
            ("CreatePolicy", "PolicyName", "Other"),
            ("CreatePolicyVersion", "PolicyArn", &arn),
        ] {
            let parameters = [(member, name), ("PolicyDocument", document)];
            let answer = world.iam(action, &parameters).await;
            assert_eq!(answer.xml("Code").as_deref(), Some(code), "{document}");
            if let Some(text) = text {
                let message = answer.xml("Message").unwrap();
                assert!(message.contains(text), "{message}");
            }
        }
    }
    let parameters = [("PolicyArn", &*arn), ("PolicyDocument", &*spaced)];
    done(&world.iam("CreatePolicyVersion", &parameters).await);
}

#[tokio::test]
async fn a_policy_has_five_versions_and_never_uses_a_number_again() {
    let world = World::new().await;
    let arn = policy(&world, "Reader").await;
    for (number, is_default) in [(2, "true"), (3, "false"), (4, "false"), (5, "false")] {
        world.clock.advance(1);
        let answer = version(&world, &arn, is_default).await;
        let id = answer.xml("VersionId");
        assert_eq!(id.as_deref(), Some(&*format!("v{number}")));
        assert_eq!(answer.xml("IsDefaultVersion").as_deref(), Some(is_default));
        assert!(answer.xml("Document").is_none());
    }
    let text = "A managed policy can have up to 5 versions. Before you create a new version, you must delete an \
                existing version.";
    version(&world, &arn, "true")
        .await
        .query_refused(409, "LimitExceeded", text);
    let change = async |action: &str, id: &str| {
        let parameters = [("PolicyArn", &*arn), ("VersionId", id)];
        world.iam(action, &parameters).await
    };
    let text = "Cannot delete the default version of a policy.";
    let answer = change("DeletePolicyVersion", "v2").await;
    answer.query_refused(409, "DeleteConflict", text);
    done(&change("DeletePolicyVersion", "v5").await);
    let text = format!("Policy {arn} version v5 does not exist or is not attachable.");
    for action in [
        "DeletePolicyVersion",
        "GetPolicyVersion",
        "SetDefaultPolicyVersion",
    ] {
        let answer = change(action, "v5").await;
        answer.query_refused(404, "NoSuchEntity", &text);
    }
    let answer = version(&world, &arn, "false").await;
    assert_eq!(answer.xml("VersionId").as_deref(), Some("v6"));
    done(&change("SetDefaultPolicyVersion", "v4").await);
    let shown = get(&world, &arn).await;
    assert_eq!(shown.xml("DefaultVersionId").as_deref(), Some("v4"));
    assert_eq!(
        shown.xml("UpdateDate").as_deref(),
        Some("2026-03-01T12:00:04Z")
    );
    let parameters = [("PolicyArn", &*arn), ("MaxItems", "3")];
    let first = world.iam("ListPolicyVersions", &parameters).await;
    assert_eq!(all(&first, "VersionId"), ["v6", "v4", "v3"]);
    let marker = first.xml("Marker").unwrap();
    let parameters = [("PolicyArn", &*arn), ("Marker", &*marker)];
    let rest = world.iam("ListPolicyVersions", &parameters).await;
    assert_eq!(all(&rest, "VersionId"), ["v2", "v1"]);
    assert_eq!(rest.xml("IsTruncated").as_deref(), Some("false"));
}

#[tokio::test]
async fn a_policy_is_deleted_when_no_role_uses_it() {
    let world = World::new().await;
    let arn = policy(&world, "Reader").await;
    role(&world, "App").await;
    let delete = async || world.iam("DeletePolicy", &[("PolicyArn", &*arn)]).await;
    let text = "Cannot delete a policy attached to entities.";
    done(&attach(&world, "App", &arn).await);
    delete().await.query_refused(409, "DeleteConflict", text);
    let used = [("RoleName", "App"), ("PolicyArn", &*arn)];
    done(&world.iam("DetachRolePolicy", &used).await);
    done(&bound(&world, "App", &arn).await);
    delete().await.query_refused(409, "DeleteConflict", text);
    let app = [("RoleName", "App")];
    done(&world.iam("DeleteRolePermissionsBoundary", &app).await);
    done(&version(&world, &arn, "true").await);
    let text = "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. \
                The default version is deleted with the policy.";
    delete().await.query_refused(409, "DeleteConflict", text);
    let first = [("PolicyArn", &*arn), ("VersionId", "v1")];
    done(&world.iam("DeletePolicyVersion", &first).await);
    done(&delete().await);
    let text = format!("Policy {arn} was not found.");
    delete().await.query_refused(404, "NoSuchEntity", &text);
    // A later policy with the name is another one.
    policy(&world, "Reader").await;
}

#[tokio::test]
async fn a_role_has_ten_policies_at_most() {
    let world = World::new().await;
    role(&world, "App").await;
    let mut arns = Vec::new();
    for at in 0..11 {
        arns.push(policy(&world, &format!("p{at:02}")).await);
    }
    for arn in &arns[..10] {
        done(&attach(&world, "App", arn).await);
    }
    let text = "Cannot exceed quota for PoliciesPerRole: 10";
    attach(&world, "App", &arns[10])
        .await
        .query_refused(409, "LimitExceeded", text);
    // One that is attached already is no error, and no second attachment.
    done(&attach(&world, "App", &arns[3]).await);
    let parameters = [("RoleName", "App"), ("MaxItems", "9")];
    let first = world.iam("ListAttachedRolePolicies", &parameters).await;
    assert_eq!(all(&first, "PolicyArn"), arns[..9]);
    let marker = first.xml("Marker").unwrap();
    let parameters = [("RoleName", "App"), ("Marker", &*marker)];
    let rest = world.iam("ListAttachedRolePolicies", &parameters).await;
    assert_eq!(all(&rest, "PolicyName"), ["p09"]);
}

#[tokio::test]
async fn there_are_fifteen_hundred_policies_at_most() {
    let world = World::new().await;
    policy(&world, "Reader").await;
    let record = world.store.record(RecordKind::ManagedPolicy, "reader");
    let json = record.await.unwrap().unwrap().json.unwrap();
    let writes = (1..1500).map(|at| RecordWrite {
        kind: RecordKind::ManagedPolicy,
        key: format!("reader{at}"),
        scope: String::new(),
        expected: 0,
        json: Some(json.replace("policy/Reader", &format!("policy/Reader{at}"))),
        limit: None,
    });
    let writes: Vec<RecordWrite> = writes.collect();
    let origin = world.origin();
    world.store.put(&writes, &origin).await.unwrap();
    records::refresh(&world.app).await.unwrap();
    let parameters = [("PolicyName", "More"), ("PolicyDocument", LISTS_ROLES)];
    let text = "Cannot exceed quota for PoliciesPerAccount: 1500";
    let answer = world.iam("CreatePolicy", &parameters).await;
    answer.query_refused(409, "LimitExceeded", text);
}

#[tokio::test]
async fn policies_are_listed_by_scope_path_and_use() {
    let world = World::new().await;
    let (one, two) = (policy(&world, "one").await, policy(&world, "Two").await);
    let parameters = [
        ("PolicyName", "three"),
        ("Path", "/team/"),
        ("PolicyDocument", LISTS_ROLES),
    ];
    done(&world.iam("CreatePolicy", &parameters).await);
    for name in ["App", "Batch"] {
        role(&world, name).await;
        done(&attach(&world, name, &one).await);
    }
    done(&bound(&world, "App", &two).await);
    let listed = async |parameters: &[(&str, &str)]| {
        let answer = world.iam("ListPolicies", parameters).await;
        done(&answer);
        all(&answer, "PolicyName")
    };
    let local = ("Scope", "Local");
    assert_eq!(listed(&[local]).await, ["one", "three", "Two"]);
    assert_eq!(listed(&[]).await.len(), 9);
    assert_eq!(listed(&[("Scope", "AWS")]).await.len(), 6);
    assert_eq!(listed(&[("PathPrefix", "/team/")]).await, ["three"]);
    assert_eq!(listed(&[("OnlyAttached", "true")]).await, ["one"]);
    let usage = |value| ("PolicyUsageFilter", value);
    assert_eq!(listed(&[usage("PermissionsPolicy")]).await, ["one"]);
    assert_eq!(listed(&[usage("PermissionsBoundary")]).await, ["Two"]);
    let first = world.iam("ListPolicies", &[local, ("MaxItems", "2")]).await;
    let marker = first.xml("Marker").unwrap();
    assert_eq!(listed(&[local, ("Marker", &marker)]).await, ["Two"]);
    for (arn, attached, bounding) in [(&one, "2", "0"), (&two, "0", "1")] {
        let shown = get(&world, arn).await;
        let counts = ["AttachmentCount", "PermissionsBoundaryUsageCount"];
        let counts = counts.map(|name| shown.xml(name).unwrap());
        assert_eq!(counts, [attached, bounding]);
    }
    let entities = async |arn: &str, more: &[(&str, &str)]| {
        let mut parameters = vec![("PolicyArn", arn)];
        parameters.extend(more);
        let answer = world.iam("ListEntitiesForPolicy", &parameters).await;
        done(&answer);
        all(&answer, "RoleName")
    };
    assert_eq!(entities(&one, &[]).await, ["App", "Batch"]);
    assert_eq!(entities(&one, &[("MaxItems", "1")]).await, ["App"]);
    assert_eq!(entities(&two, &[("EntityFilter", "Role")]).await, ["App"]);
    for nothing in [
        ("EntityFilter", "User"),
        ("PathPrefix", "/team/"),
        usage("PermissionsBoundary"),
    ] {
        assert!(entities(&one, &[nothing]).await.is_empty());
    }
}

#[tokio::test]
async fn a_role_with_attached_policies_is_not_deleted() {
    let world = World::new().await;
    role(&world, "App").await;
    let arn = policy(&world, "Reader").await;
    done(&attach(&world, "App", &arn).await);
    done(&bound(&world, "App", &arn).await);
    let delete = async || world.iam("DeleteRole", &[("RoleName", "App")]).await;
    let text = "Cannot delete entity, must detach all policies first.";
    delete().await.query_refused(409, "DeleteConflict", text);
    let used = [("RoleName", "App"), ("PolicyArn", &*arn)];
    done(&world.iam("DetachRolePolicy", &used).await);
    let text = format!("Policy {arn} was not found.");
    let again = world.iam("DetachRolePolicy", &used).await;
    again.query_refused(404, "NoSuchEntity", &text);
    // The boundary goes with its role.
    done(&delete().await);
    done(&world.iam("DeletePolicy", &[("PolicyArn", &*arn)]).await);
}

#[tokio::test]
async fn a_boundary_is_shown_replaced_and_removed() {
    let world = World::new().await;
    let (one, two) = (policy(&world, "one").await, policy(&world, "two").await);
    let missing = policy_arn("missing");
    let text = format!("Scope ARN: {missing} does not exist or is not attachable.");
    let create = async |boundary: &str| {
        let parameters = [
            ("RoleName", "App"),
            ("AssumeRolePolicyDocument", super::ACCOUNT_TRUST),
            ("PermissionsBoundary", boundary),
        ];
        world.iam("CreateRole", &parameters).await
    };
    let refused = create(&missing).await;
    refused.query_refused(404, "NoSuchEntity", &text);
    let refused = create("arn:aws:iam::123456789012:role/App").await;
    let not_valid = "ARN arn:aws:iam::123456789012:role/App is not valid.";
    refused.query_refused(400, "InvalidInput", not_valid);
    let created = create(&one).await;
    let shown = async || {
        let answer = world.iam("GetRole", &[("RoleName", "App")]).await;
        answer.xml("PermissionsBoundary")
    };
    let boundary = |arn: &str| {
        format!(
            "<PermissionsBoundaryType>PermissionsBoundaryPolicy</PermissionsBoundaryType>\
             <PermissionsBoundaryArn>{arn}</PermissionsBoundaryArn>"
        )
    };
    assert_eq!(created.xml("PermissionsBoundary"), Some(boundary(&one)));
    assert_eq!(shown().await, Some(boundary(&one)));
    let refused = bound(&world, "App", &missing).await;
    refused.query_refused(404, "NoSuchEntity", &text);
    done(&bound(&world, "App", &two).await);
    assert_eq!(shown().await, Some(boundary(&two)));
    let app = [("RoleName", "App")];
    for _ in 0..2 {
        done(&world.iam("DeleteRolePermissionsBoundary", &app).await);
        assert_eq!(shown().await, None);
    }
    let nobody = bound(&world, "Nobody", &one).await;
    let text = "The role with name Nobody cannot be found.";
    nobody.query_refused(404, "NoSuchEntity", text);
}

#[tokio::test]
async fn policies_of_aws_are_used_and_never_changed() {
    let world = World::new().await;
    role(&world, "App").await;
    let known = "arn:aws:iam::aws:policy/AmazonCognitoReadOnly";
    done(&attach(&world, "App", known).await);
    let shown = get(&world, known).await;
    assert_eq!(shown.xml("AttachmentCount").as_deref(), Some("1"));
    assert_eq!(shown.xml("DefaultVersionId").as_deref(), Some("v4"));
    let text = format!(
        "Policy {known} is managed by AWS and can't be changed: create a policy of your own with CreatePolicy."
    );
    for (action, more) in [
        ("DeletePolicy", [("PolicyArn", known), ("VersionId", "v4")]),
        (
            "CreatePolicyVersion",
            [("PolicyArn", known), ("PolicyDocument", LISTS_ROLES)],
        ),
        (
            "UntagPolicy",
            [("PolicyArn", known), ("TagKeys.member.1", "a")],
        ),
    ] {
        let answer = world.iam(action, &more).await;
        answer.query_refused(400, "InvalidInput", &text);
    }
    let unknown = "arn:aws:iam::aws:policy/ReadOnlyAccess";
    let text = "Policy arn:aws:iam::aws:policy/ReadOnlyAccess does not exist or is not attachable. Of the policies that AWS \
                manages, this server has AdministratorAccess, AmazonCognitoDeveloperAuthenticatedIdentities, \
                AmazonCognitoPowerUser, AmazonCognitoReadOnly, IAMFullAccess, IAMReadOnlyAccess. For others, create a policy \
                with CreatePolicy.";
    let answer = attach(&world, "App", unknown).await;
    answer.query_refused(404, "NoSuchEntity", text);
}

#[tokio::test]
async fn tags_of_a_policy_are_set_and_removed() {
    let world = World::new().await;
    let arn = policy(&world, "Reader").await;
    let tag = [
        ("PolicyArn", &*arn),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "blue"),
        ("Tags.member.2.Key", "floor"),
        ("Tags.member.2.Value", "2"),
    ];
    done(&world.iam("TagPolicy", &tag).await);
    let untag = [("PolicyArn", &*arn), ("TagKeys.member.1", "team")];
    done(&world.iam("UntagPolicy", &untag).await);
    let listed = world.iam("ListPolicyTags", &[("PolicyArn", &*arn)]).await;
    assert_eq!(
        listed.xml("Tags").as_deref(),
        Some("<member><Key>floor</Key><Value>2</Value></member>")
    );
    let names: Vec<(String, String)> = (1..=50)
        .flat_map(|at| {
            [
                (format!("Tags.member.{at}.Key"), format!("k{at}")),
                (format!("Tags.member.{at}.Value"), String::new()),
            ]
        })
        .collect();
    let mut many: Vec<(&str, &str)> = vec![("PolicyArn", &*arn)];
    many.extend(names.iter().map(|(name, value)| (&**name, &**value)));
    let text = "Cannot exceed quota for TagsPerPolicy: 50";
    let answer = world.iam("TagPolicy", &many).await;
    answer.query_refused(409, "LimitExceeded", text);
}

#[tokio::test]
async fn a_description_of_a_role_is_changed_alone() {
    let world = World::new().await;
    role(&world, "App").await;
    let parameters = [("RoleName", "App"), ("Description", "runs")];
    let answer = world.iam("UpdateRoleDescription", &parameters).await;
    assert_eq!(answer.xml("Description").as_deref(), Some("runs"));
    assert_eq!(answer.xml("MaxSessionDuration").as_deref(), Some("3600"));
}
