import assert from 'node:assert/strict';
import { test } from 'node:test';
import { proxySettings } from './proxy-settings.ts';

function proxies(env: Record<string, string>, ...urls: string[]): (string | undefined)[] {
  const proxyOf = proxySettings(env);
  return urls.map((url) => proxyOf(new URL(url))?.href);
}

test('a proxy is for its scheme, by either spelling, with or without a scheme of its own', () => {
  const env = { HTTP_PROXY: 'p.example:3128', https_proxy: 'https://u:p@s.example' };
  assert.deepEqual(proxies(env, 'http://r.io/', 'https://r.io/'), [
    'http://p.example:3128/',
    'https://u:p@s.example/',
  ]);
  assert.deepEqual(proxies({ HTTP_PROXY: 'p' }, 'https://r.io/'), [undefined]);
  assert.deepEqual(proxies({}, 'http://r.io/'), [undefined]);
  assert.deepEqual(proxies({ HTTPS_PROXY: 'socks5://s:1080' }, 'https://r.io/'), ['socks5://s:1080']);
});

test('this node is never reached through a proxy', () => {
  const own = ['http://localhost:5000/', 'http://127.1.2.3/', 'http://[::1]:80/'];
  assert.deepEqual(proxies({ HTTP_PROXY: 'p' }, ...own), [undefined, undefined, undefined]);
});

test('NO_PROXY names domains, subdomains, addresses, subnets and ports as in Go', () => {
  const isDirect = (exceptions: string, url: string): boolean =>
    proxies({ HTTPS_PROXY: 'p', NO_PROXY: exceptions }, url)[0] === undefined;
  const direct: [string, string][] = [
    ['*', 'https://any.example/'],
    ['r.io', 'https://r.io/'],
    ['r.io', 'https://a.b.r.io/'],
    [' a.io , R.IO ', 'https://r.io/'],
    ['.r.io', 'https://a.r.io/'],
    ['*.r.io', 'https://a.r.io/'],
    ['r.io:443', 'https://r.io/'],
    ['r.io:5000', 'https://r.io:5000/'],
    ['10.0.0.0/8', 'https://10.1.2.3:5000/'],
    ['10.1.2.3', 'https://10.1.2.3/'],
    ['10.1.2.3:5000', 'https://10.1.2.3:5000/'],
    ['fd00::/8', 'https://[fd00::1]/'],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000/'],
  ];
  for (const [exceptions, url] of direct) assert.ok(isDirect(exceptions, url), `${exceptions} ${url}`);
  const proxied: [string, string][] = [
    ['', 'https://r.io/'],
    ['r.io', 'https://other.io/'],
    ['r.io', 'https://evil-r.io/'],
    ['.r.io', 'https://r.io/'],
    ['*.r.io', 'https://r.io/'],
    ['r.io:80', 'https://r.io/'],
    ['10.0.0.0/8', 'https://11.0.0.1/'],
    ['10.0.0.0/8', 'https://ten.example/'],
    ['10.0.0.0/99', 'https://10.0.0.1/'],
    [',.,', 'https://r.io/'],
  ];
  for (const [exceptions, url] of proxied) assert.ok(!isDirect(exceptions, url), `${exceptions} ${url}`);
});

test('a proxy that cannot be used is named without its password', () => {
  for (const value of ['http://u:geheim@:80', 'ftp://u:geheim@p', 'http://u:geheim@p:99999']) {
    assert.throws(
      () => proxySettings({ HTTPS_PROXY: value }),
      (error: Error) => error.message.startsWith('HTTPS_PROXY is ') && !error.message.includes('geheim'),
    );
  }
});

test('a "%" that stands for nothing is told at the start, without the password', () => {
  assert.throws(() => proxySettings({ HTTPS_PROXY: 'http://me:50%@p.example' }), {
    message: 'HTTPS_PROXY has a user name or password with a "%" that stands for nothing: write it as %25',
  });
});
