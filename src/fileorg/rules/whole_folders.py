"""Folders kept whole: nothing is moved out of them or into them.

A folder is recognized by its own name (`is_bundle`) or by names in it (`whole_folder`). A name counts for any type: a
file, a folder or a broken symlink. A rule is one sign or several, `a + b`; `{x,y}` is either of these, `*.x` a suffix
in any case, `a/b` a path below the folder, and `=_x` the name of the first match with `_x` in place of its suffix. A
name that is more often a single download than part of a whole (a disk image, requirements.txt) is in no rule, or only
together with others.
"""

from __future__ import annotations

from functools import cache
from itertools import islice
from os import fsdecode
from typing import TYPE_CHECKING, TypeAlias

from fileorg.core.tuples import NamedTuple
from fileorg.rules.ignore import IgnoreReason
from fileorg.rules.joined_names import EDGE, JoinedNames
from fileorg.rules.triggers import SIGN_NAMES, SIGN_SUFFIXES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

Names: TypeAlias = "Callable[[], Iterable[Collection[bytes]]]"
"""A function that returns all names in a folder, in parts; may be called several times."""

# Folders that their system shows as one file, or that belong to one program as a whole.
BUNDLES: tuple[bytes, ...] = tuple(
    b"""
    aaxplugin abbu action aex aplibrary app appdir appex apvault atsproj avd backupbundle backupdb band bearbackup
    bundle caction cmproj cmprojx cocatalog colorpicker component concert cosession cosessiondb dictionary dist-info
    docc doccarchive docset dsym dtbase dtbase2 dtcloud dtsparse dvdmedia dvdproj egg egg-info eyetv fcarch fcparch
    fcpbundle fcpcache fcpevent fcpproject fcproject fcpxmld framework gdb git graffle hdd hype hypetemplate iba
    ibooks icbu ideplugin imapmbox imovielibrary imovieproject imovietrailer instrdst ite itlp kext key key-tef
    keynote logic logicx lproj lrcat-data lrdata lrlibrary mailbundle mbox mdimporter mellel migratedaplibrary
    migratedphotolibrary mindnode mpkg musiclibrary n5 nib nmbtemplate numbers ofocus omnifocus oo3 oo4 ooutline
    oplx pages pbproj photolibrary photoslibrary pkg pkgproj playground playgroundbook plugin prefpane profileviewer
    pvm pvmp pxd pxm qlgenerator rapidweaver rcproject rdc rdm rtfd rw5 rw6 rw7 rw8 rwsw sandvox saver sbd scptd
    screenflow scriv service sketchplugin slidesaver sparsebundle spreporter storyboardc storyist svxsite swiftpm
    textbundle theater theatre tmbundle trace tvlibrary ulgroup ulysses utm vmwarevm vpdoc vst vst3 wdgt wdgtproj
    webplugin workflow xcappdata xcarchive xcassets xcdatamodel xcdatamodeld xcdevice xcframework xcmappingmodel
    xcodeproj xcplugin xcresult xctest xcworkspace xpc zarr
    """.split()
)
_BUNDLES = frozenset(BUNDLES)
BUNDLE_NAMES = frozenset({b"photo booth library", b"iphoto library", b"itunes library", b"imovie library"})

VERSION_CONTROL: tuple[bytes, ...] = tuple(b".git .hg .svn .bzr .jj .pijul _darcs .fslckout _FOSSIL_ .sl .repo".split())

# Makefile is a marker: a folder with it is nearly always a source tree. Names that may be single downloads
# (requirements.txt, index.html, a lone .ino) are not.
PROJECT_MARKERS: tuple[bytes, ...] = (
    *VERSION_CONTROL,
    *b"""
    package.json deno.json deno.jsonc bower.json angular.json nx.json lerna.json turbo.json pnpm-workspace.yaml
    pyproject.toml setup.py setup.cfg tox.ini Pipfile pyvenv.cfg conda-meta manage.py Cargo.toml go.mod go.work
    pom.xml build.gradle build.gradle.kts settings.gradle settings.gradle.kts build.sbt build.xml project.clj
    deps.edn Makefile makefile GNUmakefile CMakeLists.txt meson.build configure.ac SConstruct MODULE.bazel WORKSPACE
    BUILD.bazel Gemfile Rakefile composer.json wp-config.php mix.exs rebar.config dune-project Package.swift Podfile
    Cartfile pubspec.yaml stack.yaml flake.nix Project.toml build.zig build.zig.zon elm.json gleam.toml shard.yml
    project.godot ProjectSettings Vagrantfile dvc.yaml mkdocs.yml platformio.ini ansible.cfg Chart.yaml
    renv.lock AndroidManifest.xml .idea .obsidian .logseq
    """.split(),
)
PROJECT_SUFFIXES: tuple[bytes, ...] = tuple(
    b"""
    .xcodeproj .xcworkspace .sln .slnx .csproj .fsproj .vbproj .vcxproj .cabal .gemspec .uproject .rproj
    .code-workspace .kicad_pro .kicad_pcb .nimble .rockspec .iml
    """.split()
)
# Names that confirm a project marker beside them: the marker is not a stray file.
OF_A_PROJECT = frozenset(
    b"""
    package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lock bun.lockb deno.lock Cargo.lock poetry.lock
    uv.lock pdm.lock Pipfile.lock Gemfile.lock composer.lock go.sum flake.lock mix.lock pubspec.lock Podfile.lock
    Package.resolved gradlew mvnw src source lib libs include tests test spec node_modules target vendor build dist
    __pycache__ .venv venv .tox .gitignore .gitattributes .hgignore .editorconfig .dockerignore .github .gitlab-ci.yml
    .vscode .pre-commit-config.yaml tsconfig.json Dockerfile cmd pkg app public crates packages
    """.split()
)

# Signs that a folder of downloads never has: they apply also to the folder given to a command.
SURE: dict[IgnoreReason, str] = {
    IgnoreReason.OTHER_SYSTEM: """
        etc + usr + {bin,sbin,lib} | {Windows,WINDOWS} + Program Files | System + Library + {Users,Applications,Volumes}
    """,
    IgnoreReason.PROJECT: """
        objects + refs | annex + objects | CVS/Entries
        pyvenv.cfg | conda-meta | .obsidian | .logseq | project.godot | notebook.zim
    """,
    IgnoreReason.BUNDLE: "Contents/Info.plist | Contents/MacOS",
    IgnoreReason.VIRTUAL_MACHINE: """
        *.vmx + *.{vmdk,nvram,vmsd,vmxf,vmem} | *.vbox + *.{vdi,vmdk,vhd,vhdx,hdd,qcow,qcow2,vbox-prev,nvram}
        *.vmcx | Virtual Machines + {Virtual Hard Disks,Snapshots} | *.pvs | *.ovf + *.{vmdk,mf,vhd}
        *.vmc + *.vhd | hardware-qemu.ini | config.plist + Data/efi_vars.fd | 86box.cfg | lima.yaml
    """,
    IgnoreReason.DISC: """
        VIDEO_TS | video_ts | BDMV | bdmv | AUDIO_TS | audio_ts | HVDVD_TS | MPEGAV | MPEG2 + {VCD,SVCD} | SVCD + EXT
        VIDEO_TS.IFO | video_ts.ifo | *.ifo + *.vob | index.bdmv | MovieObject.bdmv | DICOMDIR | XDROOT | LASTCLIP.TXT
        isolinux | casper + .disk | bootmgr + sources
        {autorun.inf,AUTORUN.INF,Autorun.inf} + {setup.exe,Setup.exe,SETUP.EXE}
    """,
    IgnoreReason.PROFILE: """
        prefs.js + {places.sqlite,key4.db,cert9.db,cookies.sqlite,times.json,compatibility.ini,extensions.json}
        prefs.js + {ImapMail,Mail,abook.sqlite,global-messages-db.sqlite,handlers.json,xulstore.json,storage}
        profiles.ini | places.sqlite + {cookies.sqlite,favicons.sqlite,formhistory.sqlite} | Local State | Login Data
        Preferences + {History,Cookies,Bookmarks,Secure Preferences,Web Data,Extensions,Local Storage,Visited Links}
        Local Storage + {IndexedDB,Session Storage,GPUCache,Cookies} | History.db + {Bookmarks.plist,LastSession.plist}
        tdata | key_datas | wallet.dat + {blocks,chainstate,database,wallets} | blocks + chainstate | keystore + geth
        pubring.kbx | private-keys-v1.d | secring.gpg | system.reg + user.reg | drive_c + dosdevices
        known_hosts + {id_rsa,id_ed25519,id_ecdsa,authorized_keys,config}
        authorized_keys + {id_rsa,id_ed25519,id_ecdsa}
        collection.anki2 | prefs21.db | accounts.xml + {blist.xml,prefs.xml} | userdata + addons | basic + global.ini
        database.sqlite + {settings.json,resources} | config.json + {attachments.noindex,sql} | edgehill.db
    """,
    IgnoreReason.MAIL: """
        cur + new + tmp | *.msf | *.sbd | Envelope Index | MailData | mbox + table_of_contents | msgFilterRules.dat
        popstate.dat | dovecot.index | dovecot.index.log | dovecot-uidlist | dovecot.mailbox.log | maildirfolder
        .mh_sequences | .notmuch | Folders.dbx | Inbox.dbx | *.cmeta
    """,
    IgnoreReason.STUDIO: """
        Ableton Project Info | *.aup + =_data | *.{ptx,ptf} + {Audio Files,Session File Backups} | Session File Backups
        *.cpr + {Audio,Edits,Auto Saves} | *.song + {Media,Bounces,History} | *.ardour + {interchange,peaks,analysis}
        *.rpp + {Audio,Media,Backups,peaks} | interchange + peaks | Adobe Premiere Pro Auto-Save
        Adobe Premiere Pro Audio Previews | Adobe Premiere Pro Video Previews | Adobe After Effects Auto-Save
        Avid MediaFiles | OMFI MediaFiles | CacheClip + .gallery | Final Cut Pro Documents
    """,
    IgnoreReason.LIBRARY: """
        metadata.db | digikam4.db | *.lrcat | *.cocatalogdb | *.cosessiondb | *.onetoc2 | *.scrivx
        iTunes Library.itl | iTunes Music Library.xml | iTunes Library.xml | iTunes Library Extras.itdb
        Library.musicdb | Music Library.musiclibrary | AlbumData.xml | Library.iPhoto | zotero.sqlite | mendeley.sqlite
        library.db + data.db | KoboReader.sqlite | .kobo | .adobe-digital-editions | mixxxdb.sqlite | _Serato_
        PIONEER + Contents | Engine Library | collection.nml | *.enl + =.data | photos.db + originals
    """,
    IgnoreReason.GAME: """
        steamapps | SteamApps | steam_appid.txt | .egstore | UnityPlayer.dll | UnityPlayer.so
        *.{exe,x86_64,x86} + =_Data
        level.dat + {region,session.lock,playerdata,data} | launcher_profiles.json | PS3_GAME | PSP_GAME | PS3_DISC.SFB
        renpy + game | appmanifest_*.acf + *.acf | goggame-*.info + *.info | Engine + Binaries
    """,
    IgnoreReason.PROGRAM: """
        App/AppInfo | AppRun + *.desktop | resources/app.asar | chrome_100_percent.pak | icudtl.dat + resources.pak
        TorBrowser | Browser/TorBrowser
    """,
    IgnoreReason.DATABASE: """
        CURRENT + {MANIFEST-*,LOCK} | CURRENT + *.{ldb,sst} | IDENTITY + OPTIONS-* | PG_VERSION | ibdata1 | WiredTiger
        data.mdb + lock.mdb | __db.001 | DB_CONFIG | segments.gen | *.cfs + segments_* | chunks_head + wal | _delta_log
        .zgroup | .zarray | zarr.json | *.gdbtable | *.frm + *.{ibd,myd,myi} | saved_model.pb + variables
        oci-layout | blobs + refs + snapshots | manifests + blobs | _SUCCESS + part-*
        gocryptfs.conf | gocryptfs.diriv | cryfs.config | vault.cryptomator | masterkey.cryptomator
    """,
    IgnoreReason.BACKUP: """
        Manifest.db + Info.plist | Manifest.mbdb | Backups.backupdb | WindowsImageBackup | rdiff-backup-data
        config + data + index + keys + snapshots | config + data + {integrity.*,hints.*} | kopia.repository.f
        bands + {Info.plist,token} | .timeshift | {hourly.0,daily.0,weekly.0,monthly.0}
    """,
}
# Signs that may be single downloads. They apply to folders found during a scan, and to those above the folder given to
# a command, but not to that folder itself nor to a target folder.
LIKELY: dict[IgnoreReason, str] = {
    IgnoreReason.PROJECT: """
        index.html + {css,js,assets,static,scripts,styles,style.css,styles.css,_next} | *.tex + *.{sty,cls,bst,bbl,aux}
        *.ino + *.{h,cpp,hpp} | DESCRIPTION + NAMESPACE
    """,
    IgnoreReason.VIRTUAL_MACHINE: """
        *.vmx | *.vbox | *.vmxf | *.vmsd | *.vmem | *.vmss | *.vmsn | *.qcow2 + *.{xml,conf,sh} | config.plist + Images
        *.vmdk + *.nvram
    """,
    IgnoreReason.PROFILE: "places.sqlite | wallet.dat | msgstore.db.crypt14 | msgstore.db.crypt15 | cookies.sqlite",
    IgnoreReason.MAIL: "{Inbox,INBOX} + {Sent,Drafts,Trash,Junk,Templates,Sent Items} | *.emlx | *.dbx",
    IgnoreReason.STUDIO: """
        *.als | *.flp | *.rpp | *.rpp-bak | *.aup | *.ptx | *.ptf | *.cpr | *.npr | *.song | *.ardour | *.bwproject
        *.reason | *.rns | *.mmp | *.mmpz | *.xrns | *.sesx | *.cwp | *.prproj | *.drp | *.kdenlive | *.mlt | *.veg
        *.aep | *.aepx | *.avp | *.wlmp | *.mswmm | *.camproj | *.tscproj | *.osp | *.xges | *.logic | *.pproj
    """,
    IgnoreReason.LIBRARY: "*.enl | gamelist.xml | *.ctt3 + *.{ctt3,bak}",
    IgnoreReason.GAME: """
        *.acf | *.pck | *.exe + *.{pak,rpa,rgss3a,rgss2a,rgssad,wad,grp,vpk,bsa,mpq,unity3d,assets}
        DOSBOX | dosbox.conf | Game.ini + www
    """,
    IgnoreReason.PROGRAM: """
        *.exe + *.{dll,ocx,pyd,drv,sys,cpl,vxd,mui} | setup.exe + *.cab | bin + lib + {share,include,libexec,etc}
        *.exe + {_internal,locales,plugins,resources}
    """,
    IgnoreReason.DATABASE: "dump.rdb + appendonlydir | *.wt",
}


class Whole(NamedTuple):
    """The reason to keep a folder whole, and the name in it that is the sign."""

    reason: IgnoreReason
    marker: bytes


class _Rule(NamedTuple):
    """A rule: requires all `signs`, each in one of its forms."""

    reason: IgnoreReason
    is_sure: bool
    signs: tuple[tuple[bytes, ...], ...]


def _forms(sign: str) -> tuple[bytes, ...]:
    start, opened, rest = sign.partition("{")
    if not opened:
        return (sign.encode(),)
    inner, _, end = rest.partition("}")
    return tuple(form for each in inner.split(",") for form in _forms(start + each + end))


def _rules(tables: dict[IgnoreReason, str], *, is_sure: bool) -> Iterator[_Rule]:
    for reason, table in tables.items():
        for text in table.replace("\n", "|").split("|"):
            if signs := text.strip():
                yield _Rule(reason, is_sure, tuple(_forms(sign.strip()) for sign in signs.split(" + ")))


def _project_rules() -> Iterator[_Rule]:
    for marker in PROJECT_MARKERS:
        yield _Rule(IgnoreReason.PROJECT, marker in VERSION_CONTROL, ((marker,),))
    for suffix in PROJECT_SUFFIXES:
        yield _Rule(IgnoreReason.PROJECT, is_sure=False, signs=((b"*" + suffix,),))


@cache
def all_rules() -> tuple[_Rule, ...]:
    return (*_rules(SURE, is_sure=True), *_project_rules(), *_rules(LIKELY, is_sure=False))


def is_suffix(form: bytes) -> bool:
    return form.startswith(b"*.") and b"*" not in form[1:] and b"." not in form[2:]


def _is_glob(form: bytes) -> bool:
    return b"*" in form and not is_suffix(form)


def _is_beside(form: bytes) -> bool:
    return form.startswith(b"=")


@cache
def numbers_by_sign() -> dict[bytes, list[int]]:
    """Map each name, or suffix with its `*`, to the rules that it is a sign of."""
    found: dict[bytes, list[int]] = {}
    for number, rule in enumerate(all_rules()):
        for form in (form for sign in rule.signs for form in sign if not (_is_glob(form) or _is_beside(form))):
            found.setdefault(form.partition(b"/")[0], []).append(number)
    return found


def is_bundle(name: bytes) -> bool:
    """Return whether a folder of that name is kept whole."""
    lower = name.lower()
    return (lower.rfind(b".") > 0 and lower[lower.rfind(b".") + 1 :] in _BUNDLES) or lower in BUNDLE_NAMES


def whole_folder(names: Names, holds: Callable[[bytes], bool], *, surely: bool = False) -> Whole | None:
    """Return `Signs.whole` of a folder."""
    return Signs(names, holds).whole(surely=surely)


class Signs:
    """The signs among the names in a folder."""

    def __init__(self, names: Names, holds: Callable[[bytes], bool]) -> None:
        """Read all `names`. `holds` returns whether a path in the folder exists; called rarely."""
        self._names, self._holds = names, holds
        self._found: set[bytes] = set()  # names that are signs, and suffixes with a `*`
        for part in names():
            self._found |= SIGN_NAMES.intersection(part)
            listed = part if isinstance(part, JoinedNames) else JoinedNames(tuple(part))
            # A name without a dot may equal a suffix.
            suffixes = SIGN_SUFFIXES.intersection([b"." + each for each in listed.suffixes])
            self._found.update(b"*" + suffix for suffix in suffixes if suffix + EDGE in listed.low)

    def whole(self, *, surely: bool = False) -> Whole | None:
        """Return the reason to keep the folder whole, None if there is none. With `surely` only sure signs count."""
        if not self._found:  # true of nearly every folder
            return None
        for number in sorted({number for sign in self._found for number in numbers_by_sign().get(sign, ())}):
            rule = all_rules()[number]
            if surely and not rule.is_sure:
                continue
            first, *others = rule.signs
            if all(any(self._has(form, first) for form in sign) for sign in rule.signs):
                beside = next((form for sign in others for form in sign if _is_beside(form)), None)
                name = self._named_beside(beside, first) if beside else self._name_of(next(filter(self._has, first)))
                return Whole(rule.reason, name or b"")
        return None

    def project(self) -> bytes | None:
        """Return the marker of a project if another sign confirms it; a single one may be a stray file."""
        markers = [name for name in PROJECT_MARKERS if name in self._found]
        if suffixes := [b"*" + suffix for suffix in PROJECT_SUFFIXES if b"*" + suffix in self._found]:
            fitting = tuple(suffix[1:] for suffix in suffixes)
            named = (name for part in self._names() for name in part if name.lower().endswith(fitting))
            markers += islice(named, 2)
        beside = OF_A_PROJECT.intersection(self._found)
        return markers[0] if markers and len({*markers, *beside}) > 1 else None

    def one_of(self, names: Iterable[bytes]) -> bytes | None:
        """Return the first of `names` that is a sign found here."""
        return next((name for name in names if name in self._found), None)

    def _has(self, form: bytes, first: tuple[bytes, ...] = ()) -> bool:
        if _is_beside(form):
            return self._named_beside(form, first) is not None
        if _is_glob(form):
            return self._named(form) is not None
        if b"/" in form:
            return form.partition(b"/")[0] in self._found and self._holds(form)
        return form in self._found

    def _named(self, pattern: bytes) -> bytes | None:
        """Return the first name that matches a pattern."""
        from fnmatch import fnmatchcase

        fitting = fsdecode(pattern).lower()
        names = (name for part in self._names() for name in part)
        return next((name for name in names if fnmatchcase(fsdecode(name).lower(), fitting)), None)

    def _named_beside(self, form: bytes, first: tuple[bytes, ...]) -> bytes | None:
        """Return the first name with a suffix of `first` that has a companion: its stem plus the end in `form`."""
        end, suffixes = form[1:].lower(), tuple(suffix[1:] for suffix in first)
        stems = {name[: -len(end)] for part in self._names() for name in part if name.lower().endswith(end)}
        names = (name for part in self._names() for name in part if name.lower().endswith(suffixes))
        return next((name for name in names if name[: name.rfind(b".")] in stems), None)

    def _name_of(self, form: bytes) -> bytes:
        return form if b"*" not in form else self._named(form) or form
