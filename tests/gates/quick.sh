#!/usr/bin/env bash
# What machines can say about the files themselves, in seconds: everything that git tracks or would
# track, and without git everything outside of build/. Installs what is missing. All gates run, whichever of them complains.
#
#   tests/gates/quick.sh
#
# Links, flags and anchors of the pages: tests/e2e/documents_test.py. The arrows: tests/house.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/../.."

die() {
  echo "tests/gates/quick.sh: $1" >&2
  exit 1
}

exporter/packaging/install-packages.sh gates

# Also of somebody else's checkout; without one, all that is not built.
list=$(git -c safe.directory='*' -c core.quotePath=off ls-files --cached --others --exclude-standard -- ':!tests/fuzz/corpus' 2>/dev/null) ||
  list=$(find . -path ./build -prune -o -path ./tests/fuzz/corpus -prune -o -path ./.git -prune -o -type f -printf '%P\n')
files=()
while IFS= read -r file; do
  [[ ! -f $file ]] || files+=("$file")  # one that is deleted may still be tracked
done <<<"$list"

named() { # PATTERN: of the files, those whose path has it
  printf '%s\n' "${files[@]}" | grep -E -- "$1" || die "there is no file named $1."
}

# Whatever their names: maintainer scripts of packages have no suffix.
shell_scripts() {
  {
    named '\.sh$'
    awk 'FNR == 1 && /^#!.*[\/ ](ba|da)?sh( |$)/ { print FILENAME } { nextfile }' "${files[@]}"
  } | sort -u
}

failed=()
gate() { # NAME LIST-OF-FILES COMMAND...: with the files as the last arguments of the command
  local name=$1 said started=$SECONDS files
  mapfile -t files <<<"$2"
  if said=$(printf '%s\n' "${files[@]}" | xargs -d '\n' -P 2 -n 100 "${@:3}" 2>&1); then
    printf '%-12s %4d files, %d s\n' "$name" "${#files[@]}" "$((SECONDS - started))"
  else
    printf '%-12s complains:\n%s\n' "$name" "$said"
    failed+=("$name")
  fi
}

scripts=$(shell_scripts)
sources=$(named '\.(cc|h)$')
python=$(named '\.py$')
yaml=$(named '\.ya?ml$')
text=$(named '.' | grep -vE '\.png$')
# What npm writes is full of hashes.
prose=$(grep -vE '/package-lock\.json$|^tests/gates/words\.txt$' <<<"$text")

gate clang-format "$sources" clang-format-14 --dry-run -Werror
gate shellcheck "$scripts" shellcheck --external-sources
gate yamllint "$yaml" yamllint --strict --format parsable --config-file tests/gates/yamllint.yml
gate pyflakes "$python" pyflakes3
gate pycodestyle "$python" pycodestyle --max-line-length=130
gate codespell "$prose" codespell --ignore-words tests/gates/words.txt
gate text "$text" python3 -B tests/gates/text.py

((!${#failed[@]})) || die "not as they should be: ${failed[*]}"
