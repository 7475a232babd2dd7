//! Logins by access token explained: each check in its order, with what was found and wanted, and never the token.

use serde_json::{Value, json};

use super::Scene;
use crate::world::Mood;

impl Scene {
    async fn explained(&self, pool: &str, value: &str) -> Value {
        let logins = json!({ self.key: value });
        let (status, code) = {
            let answer = self.world.get_id(pool, logins.clone()).await;
            (
                answer.status,
                (answer.status != 200).then(|| answer.error()),
            )
        };
        let input = json!({ "IdentityPoolId": pool, "Logins": logins });
        let answer = self.world.admin("Cognate.ExplainLogin", input).await;
        assert!(!answer.text.contains(value), "{}", answer.text);
        let explanation = answer.ok();
        // What is explained is what GetId does.
        assert_eq!(explanation.get("Refusal").is_none(), status == 200);
        if let Some((_, code, text)) = code {
            let refusal = json!({ "Code": code, "Message": text });
            assert_eq!(explanation["Refusal"], refusal);
        }
        explanation
    }

    /// That an explanation ends with this check.
    #[track_caller]
    fn ends(explanation: &Value, check: &str, found: &str, wanted: &str) {
        let all = explanation["Checks"].as_array().unwrap();
        let (last, before) = all.split_last().unwrap();
        assert!(
            before.iter().all(|check| check["Passed"] == true),
            "{all:?}"
        );
        assert_eq!(last["Check"], check, "{last}");
        assert_eq!(last["Passed"], false, "{last}");
        assert!(last["Found"].as_str().unwrap().contains(found), "{last}");
        assert!(last["Wanted"].as_str().unwrap().contains(wanted), "{last}");
    }

    pub(super) async fn logins_are_explained(&self) {
        let pool = self.pool().await;
        let good = self.explained(&pool, &(self.login)(8)).await;
        let all = good["Checks"].as_array().unwrap();
        let names: Vec<&str> = all.iter().map(|it| it["Check"].as_str().unwrap()).collect();
        let wanted = [
            "pool",
            "own token",
            "public provider",
            "key",
            "form",
            "answer",
            "app",
            "identity",
            "tags",
            "role",
            "trust",
        ];
        assert_eq!(names, wanted);
        assert!(all.iter().all(|check| check["Passed"] == true));
        assert!(all[1..7].iter().all(|check| check["Login"] == self.key));
        assert!(all[5]["Found"].as_str().unwrap().starts_with("user `"));
        let (app, _) = self.app.split_once(';').unwrap_or((self.app, ""));
        assert!(
            all[6]["Wanted"]
                .as_str()
                .unwrap()
                .contains(&format!("`{app}`"))
        );
        assert_eq!(good["NewIdentity"], false);

        for value in &self.malformed {
            let length = format!("a string of {} bytes", value.len());
            Self::ends(
                &self.explained(&pool, value).await,
                "form",
                &length,
                "access token",
            );
        }
        let expired = self.explained(&pool, self.expired).await;
        Self::ends(
            &expired,
            "answer",
            "the provider refuses the access token",
            self.key,
        );
        let other = self.pool_of(self.other_app).await;
        let explanation = self.explained(&other, &(self.login)(8)).await;
        if self.other_app.contains(';') {
            // Asked as the other app, Twitter itself refuses.
            Self::ends(
                &explanation,
                "answer",
                "answered with 401, error 32",
                self.key,
            );
        } else {
            Self::ends(&explanation, "app", "a token for `", self.other_app);
        }
        self.provider.is(Mood::Away);
        let away = self.explained(&pool, &(self.login)(9)).await;
        Self::ends(&away, "answer", "the provider answered with 503", self.key);
        self.provider.is(Mood::Garbage);
        let garbage = self.explained(&pool, &(self.login)(9)).await;
        Self::ends(&garbage, "answer", "answer can't be read", self.key);
        self.provider.is(Mood::Well);
        if let Some((_, secret)) = self.app.split_once(';') {
            assert!(!good.to_string().contains(secret));
        }
    }
}
