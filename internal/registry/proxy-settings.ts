// Which proxy a URL is fetched through: HTTP_PROXY, HTTPS_PROXY and NO_PROXY as Go programs read them
// (golang.org/x/net/http/httpproxy). Pure.

import { BlockList, isIP } from 'node:net';

export type Environment = Readonly<Record<string, string | undefined>>;

/** Returns the proxy of a URL, or undefined when there is none. */
export type ProxyOf = (url: URL) => URL | undefined;

const schemes = ['http:', 'https:', 'socks5:', 'socks5h:'];

/** Reads the environment once. Throws an Error that names the variable, never its value, which may hold a password. */
export function proxySettings(env: Environment): ProxyOf {
  const proxies: Readonly<Record<string, URL | undefined>> = {
    'http:': proxyIn(env, 'HTTP_PROXY'),
    'https:': proxyIn(env, 'HTTPS_PROXY'),
  };
  const exceptions = parseNoProxy(env['NO_PROXY'] || env['no_proxy'] || '');
  return (url) => {
    const proxy = proxies[url.protocol];
    return proxy === undefined || isExcepted(url, exceptions) ? undefined : proxy;
  };
}

function proxyIn(env: Environment, name: string): URL | undefined {
  const text = env[name] || env[name.toLowerCase()] || '';
  if (text === '') return undefined;
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `http://${text}`;
  if (!URL.canParse(full) || new URL(full).hostname === '') throw new Error(`${name} is not a valid address`);
  const proxy = new URL(full);
  if (![proxy.username, proxy.password].every(isDecodable)) {
    throw new Error(
      `${name} has a user name or password with a "%" that stands for nothing: write it as %25`,
    );
  }
  if (!schemes.includes(proxy.protocol)) {
    throw new Error(`${name} is of the scheme ${proxy.protocol}//, expected http, https or socks5`);
  }
  return proxy;
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text);
    return true;
  } catch {
    return false;
  }
}

interface Exception {
  /** Undefined stands for every port. */
  readonly port: string | undefined;
  matches(host: string): boolean;
}

function parseNoProxy(text: string): Exception[] {
  return text
    .split(',')
    .map((part) => part.trim().toLowerCase())
    .filter((part) => part !== '')
    .flatMap(parseException);
}

function parseException(text: string): Exception[] {
  if (text === '*') return [{ port: undefined, matches: () => true }];
  const subnet = /^([0-9a-f.:]+)\/(\d{1,3})$/.exec(text);
  if (subnet !== null) return subnetException(subnet[1] ?? '', Number(subnet[2]));
  const withPort = /^(\[[^\]]+\]|[^:]+):(\d+)$/.exec(text);
  const name = (withPort?.[1] ?? text).replace(/^\[|\]$/g, '');
  const port = withPort?.[2];
  if (isIP(name) !== 0) return [{ port, matches: addressList(name).matches }];
  const suffix = name.replace(/^\*(?=\.)/, '');
  if (suffix.replace(/^\./, '') === '') return [];
  if (suffix.startsWith('.')) return [{ port, matches: (host) => host.endsWith(suffix) }];
  return [{ port, matches: (host) => host === suffix || host.endsWith(`.${suffix}`) }];
}

function subnetException(address: string, bits: number): Exception[] {
  const version = isIP(address);
  if (version === 0 || bits > (version === 6 ? 128 : 32)) return [];
  return [{ port: undefined, matches: addressList(address, bits).matches }];
}

function addressList(address: string, bits?: number): { matches(host: string): boolean } {
  const list = new BlockList();
  const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
  list.addSubnet(address, bits ?? (family === 'ipv6' ? 128 : 32), family);
  return {
    matches: (host) => isIP(host) !== 0 && list.check(host, isIP(host) === 6 ? 'ipv6' : 'ipv4'),
  };
}

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** What is on this node is never asked for through a proxy. */
function isExcepted(url: URL, exceptions: readonly Exception[]): boolean {
  const host = url.hostname.toLowerCase().replace(/^\[|\]$|\.$/g, '');
  if (host === 'localhost') return true;
  const version = isIP(host);
  if (version !== 0 && loopback.check(host, version === 6 ? 'ipv6' : 'ipv4')) return true;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return exceptions.some((each) => (each.port === undefined || each.port === port) && each.matches(host));
}
