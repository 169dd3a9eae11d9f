// What the rest of the daemon sees of images.

import type { FilesystemUsage } from '../storage/store.ts';
import type { PullListener } from './pull-progress.ts';

/** An image as ListImages and ImageStatus show it. */
export interface Image {
  /** 64 hex digits: the config digest. */
  readonly id: string;
  /** `host/path:tag`, sorted. */
  readonly repoTags: readonly string[];
  /** `host/path@sha256:…`, sorted. */
  readonly repoDigests: readonly string[];
  readonly sizeBytes: number;
  readonly createdAt: Date;
  /** From the config's `User`, group cut off; at most one of the two. */
  readonly uid: number | undefined;
  readonly username: string;
  readonly pinned: boolean;
}

/** The parts of the OCI image config that a container needs. */
export interface ImageConfig {
  readonly user: string;
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly workingDir: string;
  readonly volumes: readonly string[];
  readonly stopSignal: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly architecture: string;
  readonly os: string;
}

export interface RegistryCredentials {
  readonly username: string;
  readonly password: string;
  readonly identityToken: string;
  readonly registryToken: string;
  /** The registry that they are for, a host or an address; when left out, the one of the image. */
  readonly serverAddress?: string;
}

export interface PullRequest {
  readonly reference: string;
  readonly credentials: RegistryCredentials | undefined;
  /** Of the pod that the image is for, whose credentials and signature policy count; empty where there is none. */
  readonly namespace: string;
  /** Told what happens while this caller waits, of a pull that it joins also what happened before. */
  readonly listener?: PullListener;
}

export interface Images {
  /**
   * Takes in what other tools changed in the store; a small read when they changed nothing. Does not wait long for a lock
   * that somebody else holds: what was known before is then still told.
   */
  refresh(): Promise<void>;
  list(): readonly Image[];
  /** The image with this id (or unique id prefix), tag, digest or short name; undefined when there is none. */
  find(reference: string): Image | undefined;
  config(imageId: string): Promise<ImageConfig>;
  /** The raw config JSON, for verbose status. */
  rawConfig(imageId: string): Promise<unknown>;
  /**
   * Resolves when the signature policy of `namespace` lets the image be run under the name `written`; an id or an empty
   * name stands for any of the image's names. Rejects with `SignatureValidationFailed: …`.
   */
  admit(imageId: string, written: string, namespace: string, signal: AbortSignal): Promise<void>;
  /** Pulls, or joins a running pull of the same reference, credentials and namespace; returns the image id. */
  pull(request: PullRequest, signal: AbortSignal): Promise<string>;
  /** Reads an OCI layout directory or tar, or a docker-archive tar; returns the ids of the images it stored. */
  load(path: string, names: readonly string[], signal: AbortSignal): Promise<readonly string[]>;
  /** Removes the image that `reference` names, with all its names. Absent is success. */
  remove(reference: string, signal: AbortSignal): Promise<void>;
  usage(): Promise<FilesystemUsage>;
}
