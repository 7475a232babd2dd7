// What the tests ask of Amplify: the same code in Node and in a page of a browser. Only what an app configures is
// configured: its pools, and the endpoints of both.

import { Amplify } from "aws-amplify";
import { decodeJWT, fetchAuthSession, signIn, signOut } from "aws-amplify/auth";
import { cognitoCredentialsProvider as credentialsProvider } from "aws-amplify/auth/cognito";

const asks = {
  /** A guest's session, twice; the second time Amplify is to get new credentials. */
  async guest({ pools }) {
    Amplify.configure({ Auth: { Cognito: pools } });
    return [shown(await fetchAuthSession()), shown(await fetchAuthSession({ forceRefresh: true }))];
  },

  /** The sessions of a guest who signs in by password, and who signs out again. */
  async password({ pools, username, password }) {
    Amplify.configure({ Auth: { Cognito: pools } });
    const before = shown(await fetchAuthSession());
    const { nextStep } = await signIn({ username, password, options: { authFlowType: "USER_PASSWORD_AUTH" } });
    const signedIn = shown(await fetchAuthSession());
    await signOut();
    return { before, nextStep: nextStep.signInStep, signedIn, after: shown(await fetchAuthSession()) };
  },

  /** The session of a user whose ID token comes from elsewhere. */
  async token({ pools, token }) {
    const jwt = decodeJWT(token);
    const tokenProvider = { getTokens: async () => ({ accessToken: jwt, idToken: jwt }) };
    Amplify.configure({ Auth: { Cognito: pools } }, { Auth: { tokenProvider, credentialsProvider } });
    return shown(await fetchAuthSession());
  },
};

/** A session, its credentials in the STS's words. */
function shown({ identityId, credentials, tokens }) {
  return {
    identity: identityId,
    isSignedIn: Boolean(tokens),
    credentials: credentials && {
      AccessKeyId: credentials.accessKeyId,
      SecretAccessKey: credentials.secretAccessKey,
      SessionToken: credentials.sessionToken,
    },
  };
}

/** Answers one question of the tests. */
export async function answer({ ask, ...rest }) {
  globalThis.localStorage?.clear();
  try {
    return { answer: await asks[ask](rest) };
  } catch (error) {
    return { error: { name: error.name, message: error.message } };
  }
}
