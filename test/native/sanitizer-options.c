/*
 * The settings of the sanitized build. They are compiled in because monitors get no environment, and reports go to files
 * because a monitor's stderr is the daemon's, or nobody's.
 * Leaks are looked for at each regular exit: the monitor allocates almost nothing, so what is found is a mistake.
 */
const char *__asan_default_options(void);

const char *__asan_default_options(void)
{
	return "log_path=" REPORTS ":exitcode=99:detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:"
	       "handle_segv=2:handle_sigbus=2:handle_sigfpe=2:handle_sigill=2:handle_abort=2:disable_coredump=1";
}

const char *__ubsan_default_options(void);

const char *__ubsan_default_options(void)
{
	return "print_stacktrace=1";
}
