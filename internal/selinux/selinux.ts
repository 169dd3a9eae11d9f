// What the rest of the daemon sees of SELinux.

/** What a request says of a label; empty for nothing. */
export interface SELinuxOptions {
  readonly user: string;
  readonly role: string;
  readonly type: string;
  readonly level: string;
}

/** Labels `user:role:type:level` of processes and of files; empty for none. */
export interface Labels {
  readonly process: string;
  readonly mount: string;
}

export interface RelabelRequest {
  readonly path: string;
  readonly label: string;
  /** Nothing is done when `path` itself has the label. */
  readonly trustsTop?: boolean;
}

/** Where SELinux is off every label is empty, and an empty label is set nowhere. */
export interface SELinux {
  /**
   * The labels of a new pod. Where the options name no level it is one that no pod has, neither of `known` nor among those
   * that are being made; `settle` ends the latter. `invalid-argument` for options that the policy does not have.
   */
  podLabels(podId: string, options: SELinuxOptions | undefined, known: readonly Labels[]): Promise<Labels>;
  settle(podId: string): void;
  /** The pod's labels with what the container's options change. */
  containerLabels(pod: Labels, options: SELinuxOptions | undefined): Promise<Labels>;
  /** Gives a tree of the host the label, for the containers of one pod; links are not followed. */
  relabel(request: RelabelRequest): Promise<void>;
  /** Gives a tree of ours the label of files that all containers may read and run. */
  share(path: string): Promise<void>;
}
