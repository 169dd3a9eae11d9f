// What images need of a registry: manifests and blobs by the OCI distribution protocol, whatever mirrors, tokens and
// redirects lie between.

/** `sha256:` and 64 lower-case hex digits, checked. */
export type Digest = `sha256:${string}`;

/** A repository as a reference names it, before mirrors and rewriting: `docker.io` and `library/busybox`. */
export interface Repository {
  /** Host with its port, if it has one. */
  readonly host: string;
  readonly path: string;
}

export type Version = { readonly tag: string } | { readonly digest: Digest };

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** A refresh token of the registry's authorization service; used instead of name and password. */
  readonly identityToken: string;
  /** Sent as it is, as a bearer token. */
  readonly registryToken: string;
  /** The registry that they are for, a host or an address; when left out, the one that the image names. */
  readonly serverAddress?: string;
}

export interface BlobDescriptor {
  readonly digest: Digest;
  readonly sizeBytes: number;
}

export interface RemoteManifest {
  /** The body as it came, at most 4 MiB; its SHA-256 is `digest`. */
  readonly bytes: Uint8Array;
  readonly digest: Digest;
  /** From the Content-Type header, without parameters. */
  readonly mediaType: string | undefined;
}

/** One manifest at the registry (or mirror) that had it; blobs come from the same place. */
export interface RemoteImage {
  readonly manifest: RemoteManifest;
  /** Another manifest of the same repository: an entry of the list. Checked against the descriptor. */
  readManifest(descriptor: BlobDescriptor, signal: AbortSignal): Promise<RemoteManifest>;
  /** What another tag of the same repository names: signatures, which stand beside their image. */
  readTag(tag: string, signal: AbortSignal): Promise<RemoteManifest>;
  /**
   * Asks for a blob and resolves when the registry has begun to answer. The bytes end after exactly `sizeBytes` or
   * with an error, and go on over broken connections; the reader must check the digest. Aborting `signal` closes the
   * connection, read or not.
   */
  openBlob(blob: BlobDescriptor, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** What a pull asks for, and for whom. */
export interface WantedImage {
  readonly repository: Repository;
  readonly version: Version;
  /** Came with the request: for the host that it names and for no other. */
  readonly credentials: Credentials | undefined;
  /** Of the pod in Kubernetes, which may have credentials of its own; empty when there is none. */
  readonly namespace: string;
}

export interface Registry {
  /**
   * Gives `use` the image at the first place that has it: mirrors in order, then the registry itself. When a place
   * fails, also in the midst of `use`, the next one is tried, and `use` starts again; the last failure is thrown, with
   * what the places before it said. Without credentials for a place, those of the node are used.
   *
   * `not-found`, `unauthenticated` and `permission-denied` are a registry's word; a registry that does not answer is
   * `unknown` with the text `RegistryUnavailable: …`, which the kubelet looks for.
   */
  withImage<T>(wanted: WantedImage, use: (image: RemoteImage) => Promise<T>, signal: AbortSignal): Promise<T>;
}

/** How names without a registry become full ones (registries.conf). */
export interface ShortNames {
  /** Takes in what has changed on disk; until then the others tell what was there before. */
  follow(): Promise<void>;
  /** The repository that an `[aliases]` entry gives to this name. */
  alias(name: string): string | undefined;
  /** Hosts to look in, in order; may carry a path. */
  searchRegistries(): readonly string[];
}

/** Credentials of the node, and where they are from: a text for errors, such as a file. */
export interface FoundCredentials {
  readonly credentials: Credentials;
  readonly source: string;
}

export interface CredentialLookup {
  lookup(repository: Repository, signal: AbortSignal): Promise<FoundCredentials | undefined>;
}

/** What the node knows of credentials. */
export interface CredentialSource {
  /** For one pull: takes the credentials that were left for just this image and namespace, which serve once. */
  forPull(wanted: WantedImage): Promise<CredentialLookup>;
}
