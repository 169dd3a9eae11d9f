// What the rest of the daemon sees of AppArmor.

export interface AppArmor {
  /** The kernel enforces profiles, and tells us which it has. */
  readonly isEnabled: boolean;
  /** Of containers that name no other; `unconfined` or empty for none. */
  readonly defaultProfile: string;
  /** The default profile is the one that cria brings along, not one that the node's administrator loads. */
  readonly isDefaultOurs: boolean;
  /**
   * True when the kernel has the profile now. Our own is loaded again when somebody has unloaded it, as tools do that remove
   * profiles without a file in /etc/apparmor.d; where that fails the log says why.
   */
  has(profile: string): Promise<boolean>;
}
