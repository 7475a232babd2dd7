# Installs what the scripts of this folder need. Sourced by them.
for program in wrk strace; do
    command -v "$program" > /dev/null || {
        echo "$program is missing: apt-get install wrk strace python3-venv" >&2
        exit 1
    }
done
tools=.tools/bench
if ! cmp -s bench/requirements.txt "$tools/installed.txt"; then
    python3 -m venv --clear "$tools"
    "$tools/bin/pip" install --quiet --disable-pip-version-check -r bench/requirements.txt
    cp bench/requirements.txt "$tools/installed.txt"
fi
