// An authorization service for docker-registry: gives signed tokens for a name and password or for an identity token.

import { createSign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { CertificateFiles } from './certificates.ts';

const issuer = 'issuer of a test';
const service = 'registry of a test';
const password = 'me:geheim';

export const identityToken = 'identity-geheim';

export class TokenServer {
  readonly #server: Server;
  readonly #signer: CertificateFiles;
  /** `GET basic`, `GET anonymous` or `POST refresh_token`, with the scope. */
  readonly requests: string[] = [];
  /** How often it says that it is busy before it answers. */
  busy = 0;

  private constructor(signer: CertificateFiles) {
    this.#signer = signer;
    this.#server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      request.on('end', () => {
        if (this.busy > 0) {
          this.busy -= 1;
          response.writeHead(429, { 'retry-after': new Date(Date.now() + 500).toUTCString() }).end();
          return;
        }
        const token = this.#tokenFor(request, body);
        response.writeHead(token === undefined ? 401 : 200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ token, access_token: token, expires_in: 300 }));
      });
    });
  }

  static async start(signer: CertificateFiles): Promise<TokenServer> {
    const server = new TokenServer(signer);
    await new Promise<void>((resolve) => server.#server.listen(0, '127.0.0.1', resolve));
    return server;
  }

  /** The registry's `auth` section. */
  get auth(): object {
    const { port } = this.#server.address() as AddressInfo;
    const realm = `http://127.0.0.1:${port}/token`;
    return { token: { realm, service, issuer, rootcertbundle: this.#signer.certificate } };
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** A token that a registry of this service takes as it is. */
  token(repository: string): string {
    const seconds = Math.floor(Date.now() / 1000);
    const certificate = readFileSync(this.#signer.certificate, 'utf8').replace(/-----[^-]+-----|\s/g, '');
    const header = { typ: 'JWT', alg: 'ES256', x5c: [certificate] };
    const access = [{ type: 'repository', name: repository, actions: ['pull'] }];
    const times = { iat: seconds, nbf: seconds - 10, exp: seconds + 300 };
    const claims = {
      iss: issuer,
      aud: service,
      sub: 'me',
      jti: `${process.hrtime.bigint()}`,
      ...times,
      access,
    };
    const text = [header, claims]
      .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
      .join('.');
    const key = { key: readFileSync(this.#signer.key), dsaEncoding: 'ieee-p1363' } as const;
    return `${text}.${createSign('sha256').update(text).sign(key, 'base64url')}`;
  }

  #tokenFor(request: IncomingMessage, body: string): string | undefined {
    const parameters =
      request.method === 'POST'
        ? new URLSearchParams(body)
        : new URL(request.url ?? '', 'http://x').searchParams;
    const scope = parameters.get('scope') ?? '';
    const basic = Buffer.from((request.headers.authorization ?? '').replace('Basic ', ''), 'base64');
    const how =
      request.method === 'POST' ? parameters.get('grant_type') : basic.length > 0 ? 'basic' : 'anonymous';
    this.requests.push(`${request.method} ${how} ${scope}`);
    const isKnown = basic.toString() === password || parameters.get('refresh_token') === identityToken;
    const repository = /^repository:(.*):pull$/.exec(scope)?.[1];
    return isKnown && repository !== undefined ? this.token(repository) : undefined;
  }
}
