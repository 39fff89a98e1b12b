"""The name of a complete output file."""

from __future__ import annotations

import errno
import os

from fileorg.storage.local import posix


def place(folder: int, part: bytes, name: bytes, *, force: bool) -> bool:
    """Rename the file `part` in the open `folder` to `name`; return False if another file has this name.

    With `force`, the new file replaces that file. Raises `OSError`.
    """
    if force:
        os.replace(part, name, src_dir_fd=folder, dst_dir_fd=folder)
        return True
    try:
        try:
            posix.rename_noreplace(folder, part, folder, name)
        except OSError as error:
            if error.errno not in {errno.EINVAL, errno.ENOSYS}:
                raise
            posix.rename_by_link(folder, part, folder, name)
    except FileExistsError:
        return False
    return True
