// What the tests ask of the AWS SDK for JavaScript: the same code in Node and in a page of a browser. Only the region
// and the endpoint are configured.

import { CognitoIdentityClient, GetIdCommand, GetOpenIdTokenCommand } from "@aws-sdk/client-cognito-identity";
import * as service from "@aws-sdk/client-cognito-identity";
import { AssumeRoleWithWebIdentityCommand, GetCallerIdentityCommand, STSClient } from "@aws-sdk/client-sts";
import { fromCognitoIdentity, fromCognitoIdentityPool } from "@aws-sdk/credential-providers";

const asks = {
  /** Credentials of a pool's guest, or of whoever the logins say. */
  async fromPool(clientConfig, { pool, logins }) {
    return made(fromCognitoIdentityPool({ identityPoolId: pool, logins, clientConfig }));
  },

  /** Credentials of an identity whose id is known. */
  async fromIdentity(clientConfig, { identity, logins }) {
    return made(fromCognitoIdentity({ identityId: identity, logins, clientConfig }));
  },

  async getId(clientConfig, { pool, logins }) {
    const client = new CognitoIdentityClient(clientConfig);
    const answer = await client.send(new GetIdCommand({ IdentityPoolId: pool, Logins: logins }));
    return { identity: answer.IdentityId, requestId: answer.$metadata.requestId };
  },

  async getOpenIdToken(clientConfig, { identity, logins }) {
    const client = new CognitoIdentityClient(clientConfig);
    const answer = await client.send(new GetOpenIdTokenCommand({ IdentityId: identity, Logins: logins }));
    return { identity: answer.IdentityId, token: answer.Token };
  },

  /** The classic flow: the STS makes credentials of a token, and says who signs with them. */
  async classicFlow(clientConfig, { token, role }) {
    const sts = new STSClient({ ...clientConfig, credentials: unused });
    const assumed = await sts.send(
      new AssumeRoleWithWebIdentityCommand({ RoleArn: role, RoleSessionName: "page", WebIdentityToken: token }),
    );
    const { AccessKeyId, SecretAccessKey, SessionToken } = assumed.Credentials;
    const credentials = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
    const caller = await new STSClient({ ...clientConfig, credentials }).send(new GetCallerIdentityCommand({}));
    return { arn: caller.Arn, subject: assumed.SubjectFromWebIdentityToken, requestId: caller.$metadata.requestId };
  },
};

/** A web identity needs no credentials, and a browser has none. */
const unused = { accessKeyId: "unused", secretAccessKey: "unused" };

/** Has credentials made, and shows them in the STS's words. */
async function made(provider) {
  const { identityId, accessKeyId, secretAccessKey, sessionToken, expiration } = await provider();
  return {
    identity: identityId,
    seconds: (expiration - Date.now()) / 1000,
    credentials: { AccessKeyId: accessKeyId, SecretAccessKey: secretAccessKey, SessionToken: sessionToken },
  };
}

/** What an error says of itself, and of which of the service's exception classes it is an instance. */
function told(error) {
  const classes = Object.entries(service).filter(([, value]) => value?.prototype instanceof Error);
  return {
    name: error.name,
    message: error.message,
    instanceOf: classes.filter(([, type]) => error instanceof type).map(([name]) => name),
    status: error.$metadata?.httpStatusCode,
    requestId: error.$metadata?.requestId,
  };
}

/** Answers one question of the tests. */
export async function answer({ ask, endpoint, region, ...rest }) {
  try {
    return { answer: await asks[ask]({ endpoint, region, maxAttempts: 1 }, rest) };
  } catch (error) {
    return { error: told(error) };
  }
}
