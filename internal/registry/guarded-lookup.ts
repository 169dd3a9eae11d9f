// Names that lead to this node: a registry may send us only to names, and whoever owns a name decides what it means.

import { type LookupAddress, lookup as lookupName } from 'node:dns';
import type { LookupFunction } from 'node:net';
import { isInwardHost } from './address-guard.ts';

/** A name that stands for an address of this node or of its cloud's metadata service. */
class InwardAddressError extends Error {
  readonly code = 'EINWARD';
}

/** Looks a name up as node does, and refuses it when one of its addresses is inward. */
export const guardedLookup: LookupFunction = (hostname, options, done) => {
  lookupName(hostname, { ...options, all: true }, (error, addresses) => {
    if (error !== null) return done(error, '');
    const inward = addresses.find(({ address }) => isInwardHost(address));
    if (inward !== undefined) return done(new InwardAddressError('an address of this node'), '');
    if (options.all === true) return done(null, addresses);
    const [first] = addresses as [LookupAddress];
    return done(null, first.address, first.family);
  });
};
