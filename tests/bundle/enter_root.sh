#!/usr/bin/env bash
# Runs a command as user 1000 in another root folder that is the root of its own mount namespace, as on a host of its own:
# in a mere chroot no sandbox could make namespaces.
# usage: enter_root.sh ROOT COMMAND...
set -euo pipefail
# Tests get a short PATH, without the folders of the administrator's tools.
PATH="$PATH:/usr/sbin:/sbin" exec unshare --mount --propagation private bash -euc '
  mount --bind "$1" "$1"
  cd "$1"
  shift
  mount -t proc proc proc
  mount --rbind /dev dev
  mount -t tmpfs tmpfs tmp
  mkdir -p old
  pivot_root . old
  cd /
  umount -l /old
  exec setpriv --reuid=1000 --regid=1000 --clear-groups --no-new-privs env -i HOME=/home/farm PATH=/usr/bin:/bin "$@"
' enter_root "$@"
