// The profile for RuntimeDefault. It allows what programs need and the kernel checks by itself; calls that reach the kernel's
// inner parts, or the whole machine, only for a container that has the capability for them: others get EPERM. A call that is not
// named at all fails with ENOSYS, as in a kernel without it: programs then do without. Not every runtime makes that of a call
// that is newer than its libseccomp (crun does not), and EPERM would break chmod, cp and tar of newer distributions.

import type { ProfileSource, RuleCondition, RuleSource } from './seccomp-profile.ts';

const EPERM = 1;
const ENOSYS = 38;
/** The flags of clone(2) that make a namespace: NS, CGROUP, UTS, IPC, USER, PID, NET (include/uapi/linux/sched.h). */
const namespaceFlags: readonly number[] = [
  0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000,
];
const vsockFamily = 40;

function words(text: string): readonly string[] {
  return text.trim().split(/\s+/);
}

function condition(part: Partial<RuleCondition>): RuleCondition {
  return { caps: [], arches: [], minKernel: undefined, ...part };
}

function allow(names: string, rest: Partial<RuleSource> = {}): RuleSource {
  return { names: words(names), action: 'SCMP_ACT_ALLOW', args: [], ...rest };
}

const processes = `
  _exit arch_prctl capget capset execve execveat exit exit_group fork getcpu getegid getegid32 geteuid geteuid32
  getgid getgid32 getgroups getgroups32 getpgid getpgrp getpid getppid getpriority getresgid getresgid32 getresuid
  getresuid32 getrlimit getrusage getsid gettid getuid getuid32 kill pidfd_open pidfd_send_signal prctl
  prlimit64 process_mrelease restart_syscall rseq set_robust_list get_robust_list
  set_thread_area get_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32 setgroups
  setgroups32 setpgid setpriority setregid setregid32 setresgid setresgid32 setresuid setresuid32 setreuid setreuid32
  setrlimit setsid setuid setuid32 tgkill times tkill ugetrlimit umask uretprobe vfork wait4 waitid waitpid`;

const signalsAndTime = `
  alarm clock_getres clock_getres_time64 clock_gettime clock_gettime64 clock_nanosleep clock_nanosleep_time64
  getitimer gettimeofday nanosleep pause rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
  rt_sigsuspend rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo setitimer sigaction sigaltstack signal
  signalfd signalfd4 sigpending sigprocmask sigreturn sigsuspend time timer_create timer_delete timer_getoverrun
  timer_gettime timer_gettime64 timer_settime timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64
  timerfd_settime timerfd_settime64 adjtimex clock_adjtime clock_adjtime64`;

const scheduling = `
  sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler
  sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr sched_setparam
  sched_setscheduler sched_yield ioprio_get ioprio_set membarrier futex futex_requeue futex_time64 futex_wait
  futex_waitv futex_wake uname sysinfo getrandom seccomp landlock_add_rule landlock_create_ruleset
  landlock_restrict_self`;

const memory = `
  brk cachestat madvise map_shadow_stack memfd_create memfd_secret mincore mlock mlock2 mlockall mmap mmap2 mprotect
  mremap mseal msync munlock munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages shmat shmctl shmdt
  shmget`;

const files = `
  access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
  fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 fchownat fcntl fcntl64 fdatasync file_getattr file_setattr
  fgetxattr flistxattr flock fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate
  ftruncate64 futimesat getcwd getdents getdents64 getxattr getxattrat inotify_add_watch inotify_init inotify_init1
  inotify_rm_watch fanotify_mark ioctl lchown lchown32 lgetxattr link linkat listxattr listxattrat llistxattr _llseek
  lremovexattr lseek lsetxattr lstat lstat64 mkdir mkdirat mknod mknodat name_to_handle_at newfstatat open openat
  openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv removexattr
  removexattrat rename renameat renameat2 rmdir sendfile sendfile64 setxattr setxattrat splice stat stat64 statfs
  statfs64 statmount listmount statx symlink symlinkat sync sync_file_range syncfs tee truncate truncate64 unlink unlinkat utime
  utimensat utimensat_time64 utimes vmsplice write writev`;

const waiting = `
  epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait epoll_wait_old eventfd
  eventfd2 _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select io_cancel io_destroy io_getevents
  io_pgetevents io_pgetevents_time64 io_setup io_submit pipe pipe2`;

const communication = `
  accept accept4 bind connect getpeername getsockname getsockopt ipc listen mq_getsetattr mq_notify mq_open
  mq_timedreceive mq_timedreceive_time64 mq_timedsend mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd recv
  recvfrom recvmmsg recvmmsg_time64 recvmsg semctl semget semop semtimedop semtimedop_time64 send sendmmsg sendmsg
  sendto setsockopt shutdown socketcall socketpair`;

const tracing = 'ptrace process_vm_readv process_vm_writev';

/** Values of personality(2) that keep address randomisation: PER_LINUX, PER_LINUX32, each with UNAME26, and the query. */
const personalities: readonly number[] = [0x0, 0x8, 0x20000, 0x20008, 0xffffffff];

/** What is open to a container with a capability. A call that stands at two is open to either. */
const callsOfCapability: Readonly<Record<string, string>> = {
  CAP_SYS_ADMIN: `unshare setns mount umount umount2 mount_setattr move_mount open_tree open_tree_attr fsopen fsconfig fsmount fspick
    pivot_root fanotify_init lookup_dcookie lsm_get_self_attr lsm_list_modules lsm_set_self_attr quotactl quotactl_fd
    setdomainname sethostname swapon swapoff bpf perf_event_open syslog`,
  CAP_BPF: 'bpf',
  CAP_PERFMON: 'perf_event_open',
  CAP_SYSLOG: 'syslog',
  CAP_DAC_READ_SEARCH: 'open_by_handle_at',
  CAP_SYS_BOOT: 'reboot kexec_load kexec_file_load',
  CAP_SYS_CHROOT: 'chroot',
  CAP_SYS_MODULE: 'init_module finit_module delete_module',
  CAP_SYS_PACCT: 'acct',
  CAP_SYS_PTRACE: 'kcmp pidfd_getfd process_madvise',
  CAP_SYS_RAWIO: 'iopl ioperm',
  CAP_SYS_TIME: 'settimeofday stime clock_settime clock_settime64',
  CAP_SYS_TTY_CONFIG: 'vhangup',
  CAP_SYS_NICE: 'get_mempolicy mbind set_mempolicy set_mempolicy_home_node move_pages migrate_pages',
};

/** For nobody: key rings are not of a namespace; io_uring and page faults in user space have been the way of too many attacks. */
const closedCalls = `
  add_key keyctl request_key io_uring_setup io_uring_enter io_uring_register userfaultfd _sysctl bdflush
  create_module get_kernel_syms nfsservctl pciconfig_iobase pciconfig_read pciconfig_write query_module sysfs uselib ustat
  vm86 vm86old`;

function deny(names: readonly string[], rest: Partial<RuleSource> = {}): RuleSource {
  return { names, action: 'SCMP_ACT_ERRNO', errnoRet: EPERM, args: [], ...rest };
}

const guardedCalls = new Set(Object.values(callsOfCapability).flatMap(words));

const capabilityRules: readonly RuleSource[] = [
  ...Object.entries(callsOfCapability).map(([capability, names]) =>
    allow(names, { includes: condition({ caps: [capability] }) }),
  ),
  ...[...guardedCalls].map((name) => deny([name], { excludes: condition({ caps: openers(name) }) })),
];

/** The capabilities that open a call. */
function openers(name: string): readonly string[] {
  return Object.entries(callsOfCapability).flatMap(([capability, names]) =>
    words(names).includes(name) ? [capability] : [],
  );
}

const tracingRules: readonly RuleSource[] = [
  // Before Linux 4.8 a tracer could change a system call after the filter had seen it.
  allow(tracing, { includes: condition({ minKernel: 4008 }) }),
  allow(tracing, { includes: condition({ caps: ['CAP_SYS_PTRACE'] }) }),
  deny(words(tracing), { excludes: condition({ caps: ['CAP_SYS_PTRACE'], minKernel: 4008 }) }),
];

const withoutAdmin = { excludes: condition({ caps: ['CAP_SYS_ADMIN'] }) };

const cloneRules: readonly RuleSource[] = [
  allow('clone', {
    args: [{ index: 0, value: namespaceFlags.reduce((sum, flag) => sum + flag), op: 'SCMP_CMP_MASKED_EQ' }],
    ...withoutAdmin,
  }),
  ...namespaceFlags.map((flag) =>
    deny(['clone'], {
      args: [{ index: 0, value: flag, valueTwo: flag, op: 'SCMP_CMP_MASKED_EQ' }],
      ...withoutAdmin,
    }),
  ),
  // Its flags are in memory, where a filter cannot look. ENOSYS makes the C libraries fall back to clone.
  deny(['clone3'], { errnoRet: ENOSYS, ...withoutAdmin }),
  allow('clone clone3', { includes: condition({ caps: ['CAP_SYS_ADMIN'] }) }),
];

// A vsock reaches the hypervisor past every network policy.
const socketRules: readonly RuleSource[] = [
  allow('socket', { args: [{ index: 0, value: vsockFamily, op: 'SCMP_CMP_NE' }] }),
  deny(['socket'], { args: [{ index: 0, value: vsockFamily, op: 'SCMP_CMP_EQ' }] }),
];

const architectureRules: readonly RuleSource[] = [
  allow('modify_ldt', { includes: condition({ arches: ['amd64'] }) }),
  allow('arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls', {
    includes: condition({ arches: ['arm64'] }),
  }),
];

/** Deny by default; resolved for a container's capabilities and architecture by `seccomp`. */
export const defaultSeccompProfile: ProfileSource = {
  defaultAction: 'SCMP_ACT_ERRNO',
  defaultErrnoRet: ENOSYS,
  architectures: [],
  archMap: [
    { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86', 'SCMP_ARCH_X32'] },
    { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: ['SCMP_ARCH_ARM'] },
  ],
  syscalls: [
    allow([processes, signalsAndTime, scheduling, memory, files, waiting, communication].join(' ')),
    ...socketRules,
    ...personalities.map((value) => allow('personality', { args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }] })),
    ...cloneRules,
    ...capabilityRules,
    ...tracingRules,
    ...architectureRules,
    deny(words(closedCalls)),
  ],
};
