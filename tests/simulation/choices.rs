//! What clients do next.

use super::habits::Kind;
use super::model::{Identity, Login};
use super::simulation::Simulation;
use super::step::Request;

impl Simulation<'_> {
    /// The next request of a client.
    pub(super) fn choose(&mut self) -> Request {
        for _ in 0..20 {
            let all: usize = self.habits.weights.iter().map(|(_, weight)| weight).sum();
            let mut at = self.random.below(all.max(1));
            let mut weights = self.habits.weights.iter();
            let chosen = weights.find(|(_, weight)| {
                let is_it = at < *weight;
                at = at.saturating_sub(*weight);
                is_it
            });
            let kind = chosen.map_or(Kind::Guest, |(kind, _)| *kind);
            if let Some(request) = self.request(kind) {
                return request;
            }
        }
        Request::DescribePool { pool: 0 }
    }

    /// A sign-in with a login of this issuer.
    pub(super) fn choose_sign_in(&mut self, issuer: usize) -> Option<Request> {
        let (pool, logins) = (self.pool(), vec![self.login(issuer)]);
        Some(match self.random.below(4) {
            0 => Request::SignIn { pool, logins },
            1 => Request::Developer {
                pool,
                user: self.user(),
                identity: self.identity(|_| true),
                logins,
            },
            2 => Request::Token {
                identity: self.identity(|_| true)?,
                logins,
            },
            _ => Request::Credentials {
                identity: self.identity(|_| true)?,
                logins,
            },
        })
    }

    fn request(&mut self, kind: Kind) -> Option<Request> {
        Some(match kind {
            Kind::Guest => Request::Guest { pool: self.pool() },
            Kind::SignIn => Request::SignIn {
                pool: self.pool(),
                logins: self.logins(),
            },
            Kind::Credentials => {
                let identity = self.identity(|_| true)?;
                let logins = self.logins_of(&identity);
                Request::Credentials { identity, logins }
            }
            Kind::GuestCredentials => Request::Credentials {
                identity: self.identity(|one| !one.authenticated)?,
                logins: Vec::new(),
            },
            Kind::Token => {
                let identity = self.identity(|_| true)?;
                let logins = if self.possible[0].identities[&identity].authenticated {
                    self.logins_of(&identity)
                } else {
                    Vec::new()
                };
                Request::Token { identity, logins }
            }
            Kind::Developer => Request::Developer {
                pool: self.pool(),
                user: self.user(),
                identity: if self.random.chance(1, 3) {
                    self.identity(|_| true)
                } else {
                    None
                },
                logins: if self.random.chance(1, 4) {
                    self.logins()
                } else {
                    Vec::new()
                },
            },
            Kind::Exchange => {
                Request::Exchange(self.random.pick(&self.clients.developers_tokens)?.1.clone())
            }
            Kind::Assume => Request::Assume(self.random.pick(&self.clients.tokens)?.1.clone()),
            Kind::UseSession => {
                Request::UseSession(self.random.pick(&self.clients.sessions)?.1.clone())
            }
            Kind::Merge => Request::Merge {
                pool: self.pool(),
                source: self.user(),
                destination: self.user(),
            },
            Kind::UnlinkDeveloper => {
                let is_user = |login: &Login| matches!(login, Login::Developer(_));
                let identity = self.identity(|one| one.logins.iter().any(is_user))?;
                Request::UnlinkDeveloper {
                    pool: self.possible[0].identities[&identity].pool,
                    user: self.user(),
                    identity,
                }
            }
            Kind::Unlink => {
                let is_public = |login: &Login| matches!(login, Login::Public(..));
                let identity = self.identity(|one| one.logins.iter().any(is_public))?;
                let login = self.logins_of(&identity).into_iter().next()?;
                Request::Unlink { identity, login }
            }
            Kind::Delete => Request::Delete {
                identity: self.identity(|_| true)?,
            },
            Kind::Revoke => Request::Revoke {
                identity: self.identity(|_| true)?,
                only_this_pool: self.random.chance(1, 3),
            },
            Kind::Restore => Request::Restore {
                identity: self.identity(|one| one.revoked.is_some())?,
            },
            Kind::Describe => Request::Describe {
                identity: self.identity(|_| true)?,
            },
            Kind::Lookup => Request::Lookup {
                pool: self.pool(),
                user: self.user(),
            },
            other => return self.change_of_settings(other),
        })
    }

    fn change_of_settings(&mut self, kind: Kind) -> Option<Request> {
        let pool = self.pool();
        Some(match kind {
            Kind::CreatePool if self.possible[0].pools.len() < 4 => Request::CreatePool {
                // A number is used once, because two pools may have the same name.
                pool: self.habits.next_pool(),
            },
            Kind::UpdatePool => Request::UpdatePool {
                pool,
                guests: self.random.chance(2, 3),
                second_issuer: self.random.chance(2, 3),
            },
            Kind::SetRoles => Request::SetRoles {
                pool,
                has_roles: self.random.chance(3, 4),
            },
            Kind::DescribePool => Request::DescribePool { pool },
            Kind::DeletePool if self.possible[0].pools.len() > 1 => Request::DeletePool { pool },
            Kind::CreateKey => Request::CreateKey { name: self.key() },
            Kind::EnableKey => {
                let (name, id) = self.known_key()?;
                let enabled = self.random.chance(1, 2);
                Request::EnableKey { name, id, enabled }
            }
            Kind::DeleteKey => {
                let (name, id) = self.known_key()?;
                Request::DeleteKey { name, id }
            }
            Kind::UseKey => {
                let (name, id) = self.known_key()?;
                Request::UseKey { name, id, pool }
            }
            Kind::Rotate if self.habits.rotations > 0 => {
                self.habits.rotations -= 1;
                Request::Rotate
            }
            _ => return None,
        })
    }

    fn pool(&mut self) -> usize {
        let known = &self.possible[0].pools;
        let known: Vec<usize> = known
            .iter()
            .filter(|(_, pool)| pool.id.is_some())
            .map(|(number, _)| *number)
            .collect();
        self.random.pick(&known).copied().unwrap_or(0)
    }

    fn user(&mut self) -> String {
        format!("user-{}", self.random.below(self.habits.users))
    }

    fn login(&mut self, issuer: usize) -> Login {
        Login::Public(issuer, self.user())
    }

    fn logins(&mut self) -> Vec<Login> {
        let first = self.random.below(2);
        let mut logins = vec![self.login(first)];
        if self.random.chance(1, 4) {
            logins.push(self.login(1 - first));
        }
        logins
    }

    /// Logins with which an identity is used: in most cases one of its own.
    fn logins_of(&mut self, id: &str) -> Vec<Login> {
        let own = self.possible[0].identities[id].logins.iter();
        let own = own.filter(|login| matches!(login, Login::Public(..)));
        let own: Vec<Login> = own.cloned().collect();
        match self.random.pick(&own).cloned() {
            Some(login) if self.random.chance(3, 4) => {
                let Login::Public(issuer, _) = &login else {
                    return vec![login];
                };
                let other = self.login(1 - issuer);
                let mut logins = vec![login];
                if self.random.chance(1, 4) {
                    logins.push(other);
                }
                logins
            }
            _ => self.logins(),
        }
    }

    /// The id of an identity like this, of a user in most cases.
    fn identity(&mut self, is_wanted: impl Fn(&Identity) -> bool) -> Option<String> {
        let all = self.known.iter();
        let all = all.filter_map(|id| Some((id, self.possible[0].identities.get(id)?)));
        let all: Vec<(&String, &Identity)> = all.filter(|(_, one)| is_wanted(one)).collect();
        let users = all.iter().filter(|(_, one)| one.authenticated);
        let users: Vec<_> = users.copied().collect();
        let some = if self.random.chance(1, 2) && !users.is_empty() {
            users
        } else {
            all
        };
        self.random.pick(&some).map(|(id, _)| (*id).clone())
    }

    fn key(&mut self) -> String {
        format!("key-{}", self.random.below(3))
    }

    /// A key with a secret that a client has.
    fn known_key(&mut self) -> Option<(String, String)> {
        let known = self.clients.secrets.iter();
        let known: Vec<(String, String)> = known
            .map(|(name, key)| (name.clone(), key.id.clone()))
            .collect();
        self.random.pick(&known).cloned()
    }
}
