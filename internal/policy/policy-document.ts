// policy.json (containers-policy.json(5)): the document to checked requirements. Pure.
//
// What is not known is refused: a requirement that is ignored would let images through that somebody wanted to keep out.

import { defaultIdentityMatch, type IdentityMatch, parseIdentityMatch } from './identity-match.ts';
import { type JsonObject, objectOf, parseStrictJson, stringListOf, stringOf } from './strict-json.ts';

/** Where public keys are: files, each with one or more keys, or base64 of such a file's content. */
export interface KeySource {
  readonly paths: readonly string[];
  readonly data: readonly string[];
}

export type Requirement =
  | { readonly type: 'insecureAcceptAnything' | 'reject' | 'signedBaseLayer' }
  | {
      readonly type: 'signedBy';
      readonly keyType: string;
      readonly keys: KeySource;
      readonly identity: IdentityMatch;
    }
  | {
      readonly type: 'sigstoreSigned';
      /** Undefined where the policy trusts certificates instead of keys: `authority` says which. */
      readonly keys: KeySource | undefined;
      readonly authority: 'fulcio' | 'pki' | undefined;
      readonly rekorKeys: KeySource | undefined;
      readonly identity: IdentityMatch;
    };

export interface PolicyDocument {
  readonly default: readonly Requirement[];
  /** By transport, then by scope; the scope "" is the transport's own default. */
  readonly transports: ReadonlyMap<string, ReadonlyMap<string, readonly Requirement[]>>;
}

const gpgKeyTypes = ['GPGKeys', 'signedByGPGKeys', 'X509Certificates', 'signedByX509CAs'];

/** Reads the document; throws an Error that says where it is wrong. */
export function parsePolicy(bytes: Uint8Array): PolicyDocument {
  const document = objectOf(parseStrictJson(bytes), 'the policy', ['default', 'transports']);
  if (document['default'] === undefined) throw new Error('the policy has no key "default"');
  const transports = objectOf(document['transports'] ?? {}, 'transports', 'any');
  return {
    default: requirementsOf(document['default'], 'default'),
    transports: new Map(
      Object.entries(transports).map(([name, scopes]) => [name, scopesOf(scopes, `transports.${name}`)]),
    ),
  };
}

function scopesOf(value: unknown, where: string): ReadonlyMap<string, readonly Requirement[]> {
  const scopes = Object.entries(objectOf(value, where, 'any'));
  return new Map(scopes.map(([scope, list]) => [scope, requirementsOf(list, `${where}["${scope}"]`)]));
}

function requirementsOf(value: unknown, where: string): readonly Requirement[] {
  if (!Array.isArray(value) || value.length === 0) throw new Error(`${where} is not a non-empty list`);
  return value.map((item, index) => requirementOf(item, `${where}[${index}]`));
}

function requirementOf(value: unknown, where: string): Requirement {
  const type = objectOf(value, where, 'any')['type'];
  switch (type) {
    case 'insecureAcceptAnything':
    case 'reject':
      objectOf(value, where, ['type']);
      return { type };
    case 'signedBaseLayer':
      parseIdentityMatch(
        objectOf(value, where, ['type', 'baseLayerIdentity'])['baseLayerIdentity'],
        `${where}.baseLayerIdentity`,
      );
      return { type };
    case 'signedBy':
      return signedBy(value, where);
    case 'sigstoreSigned':
      return sigstoreSigned(value, where);
    default:
      throw new Error(`${where} has an unknown type ${JSON.stringify(type)}`);
  }
}

function signedBy(value: unknown, where: string): Requirement {
  const object = objectOf(value, where, [
    'type',
    'keyType',
    'keyPath',
    'keyPaths',
    'keyData',
    'signedIdentity',
  ]);
  const keyType = stringOf(object['keyType'], `${where}.keyType`);
  if (!gpgKeyTypes.includes(keyType)) throw new Error(`${where}.keyType "${keyType}" is unknown`);
  const keys = keysOf(object, where, 'key', '');
  if (keys === undefined) throw new Error(`${where} has none of keyPath, keyPaths and keyData`);
  return { type: 'signedBy', keyType, keys, identity: identityOf(object, where) };
}

function sigstoreSigned(value: unknown, where: string): Requirement {
  const own = ['keyPath', 'keyPaths', 'keyData', 'keyDatas', 'fulcio', 'pki', 'signedIdentity'];
  const rekor = ['rekorPublicKeyPath', 'rekorPublicKeyPaths', 'rekorPublicKeyData', 'rekorPublicKeyDatas'];
  const object = objectOf(value, where, ['type', ...own, ...rekor]);
  const keys = keysOf(object, where, 'key', 's');
  const authorities = (['fulcio', 'pki'] as const).filter((name) => object[name] !== undefined);
  for (const name of authorities) objectOf(object[name], `${where}.${name}`, 'any');
  if (authorities.length + (keys === undefined ? 0 : 1) !== 1) {
    throw new Error(`${where} needs exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio and pki`);
  }
  return {
    type: 'sigstoreSigned',
    keys,
    authority: authorities[0],
    rekorKeys: keysOf(object, where, 'rekorPublicKey', 's'),
    identity: identityOf(object, where),
  };
}

/** Reads `<name>Path`, `<name>Paths`, `<name>Data` and, with `plural`, `<name>Datas`: at most one may be there. */
function keysOf(object: JsonObject, where: string, name: string, plural: '' | 's'): KeySource | undefined {
  const forms = [`${name}Path`, `${name}Paths`, `${name}Data`, ...(plural === '' ? [] : [`${name}Datas`])];
  const given = forms.filter((form) => object[form] !== undefined);
  const [form] = given;
  if (form === undefined) return undefined;
  if (given.length > 1) throw new Error(`${where} has both ${given.join(' and ')}: only one may be there`);
  const isList = form.endsWith('s');
  const values = isList
    ? stringListOf(object[form], `${where}.${form}`)
    : [stringOf(object[form], `${where}.${form}`)];
  const isPath = form.includes('Path');
  if (!isPath && !values.every(isBase64)) throw new Error(`${where}.${form} is not base64`);
  return isPath ? { paths: values, data: [] } : { paths: [], data: values };
}

function identityOf(object: JsonObject, where: string): IdentityMatch {
  const value = object['signedIdentity'];
  return value === undefined ? defaultIdentityMatch : parseIdentityMatch(value, `${where}.signedIdentity`);
}

function isBase64(text: string): boolean {
  return /^[A-Za-z0-9+/\s]*={0,2}\s*$/.test(text) && text.replace(/\s/g, '').length % 4 === 0;
}
