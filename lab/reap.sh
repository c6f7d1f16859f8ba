#!/bin/sh
# Removes one lab, whatever state it is in: reap.sh DIRECTORY
# Ends what runs in its namespaces, deletes them, then the directory. Doing it twice does no harm.
PATH=$PATH:/usr/sbin:/sbin
directory=$1
[ -f "$directory/namespaces" ] || exit 0

# A process that is forking just now may be missed: look again until there is none.
for attempt in 1 2 3 4 5; do
  pids=$(while read -r namespace; do ip netns pids "$namespace"; done <"$directory/namespaces" 2>/dev/null)
  [ -n "$pids" ] || break
  # shellcheck disable=SC2086
  kill -KILL $pids 2>/dev/null
done
while read -r namespace; do ip netns delete "$namespace"; done <"$directory/namespaces" 2>/dev/null
rm -rf "$directory"
