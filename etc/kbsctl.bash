# Completion of kbsctl(8) for bash.  kbsctl itself tells what a word may
# become, so that this never goes stale.

_kbsctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE:0:COMP_POINT}
	local IFS=$' \t\n' word found
	local -a words

	# bash ends words at @ and : too, kbsctl does not.
	read -r -a words <<<"$line"
	[[ $line == *[[:space:]] ]] && words+=("")
	word=${words[${#words[@]} - 1]}
	COMPREPLY=()
	while IFS= read -r found; do
		if [[ $found == :files ]]; then
			compopt -o filenames 2>/dev/null
			while IFS= read -r found; do
				COMPREPLY+=("$found")
			done < <(compgen -f -- "$cur")
		else
			COMPREPLY+=("${found#"${word%"$cur"}"}")
		fi
	done < <("$1" complete -- "${words[@]:1}" 2>/dev/null)
}

complete -F _kbsctl kbsctl
