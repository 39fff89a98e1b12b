"""The formats that fileorg tells by their content, and the extensions that files of each may have. Pure data.

A format is named by its usual extension, so that its category is that of the extension: see `rules.classify`.
"""

from __future__ import annotations

from types import MappingProxyType

from fileorg.core.tuples import NamedTuple


class FileFormat(NamedTuple):
    """One kind of content. `extensions` are all that files of it may have, its own name first."""

    name: bytes
    mime: str
    extensions: frozenset[bytes]


_TABLE = """
    jpg image/jpeg jpeg jpe jif jfif jfi pjpeg pjp jps mpo insp thm
    png image/png pns
    apng image/apng png
    gif image/gif
    webp image/webp
    bmp image/bmp dib rle
    tif image/tiff tiff btf dng nef nrw arw srf sr2 srw pef iiq 3fr fff mos mef erf kdc dcr raw cr2 orf rw2 gpr ptx eip
    cr2 image/x-canon-cr2 tif
    crw image/x-canon-crw
    eip image/x-eip
    cr3 image/x-canon-cr3
    raf image/x-fuji-raf
    orf image/x-olympus-orf ori
    rw2 image/x-panasonic-rw2 rwl raw
    x3f image/x-x3f
    mrw image/x-minolta-mrw
    heic image/heic heif heics heifs hif avci avcs
    avif image/avif avifs
    jxl image/jxl
    jp2 image/jp2 jpx jpf jpm j2k jpg2 jph
    j2c image/x-jp2-codestream j2k jpc jp2
    jls image/jls jpg jpeg
    jxr image/jxr wdp hdp
    svg image/svg+xml
    ico image/vnd.microsoft.icon
    cur image/x-win-bitmap ico
    ani application/x-navi-animation
    icns image/x-icns
    tga image/x-tga icb vda
    pcx image/vnd.zbrush.pcx
    dcx image/x-dcx
    pbm image/x-portable-bitmap pnm
    pgm image/x-portable-greymap pnm
    ppm image/x-portable-pixmap pnm
    pam image/x-portable-arbitrarymap
    pfm image/x-portable-floatmap
    xbm image/x-xbitmap bm
    xpm image/x-xpixmap
    sgi image/x-sgi rgb bw
    exr image/x-exr
    hdr image/vnd.radiance rgbe pic
    dds image/vnd.ms-dds
    wmf image/wmf
    emf image/emf
    bpg image/bpg
    flif image/flif
    qoi image/qoi
    dcm application/dicom dicom
    dpx image/x-dpx
    cin image/x-cineon
    miff image/x-miff
    pct image/x-pict pict
    pcd image/x-photo-cd
    ras image/x-sun-raster
    wpg image/x-wordperfect-graphics
    blp image/x-blp
    lfp image/x-lytro
    xmp application/rdf+xml
    mp4 video/mp4 m4v f4v mov qt m4a m4b m4p m4r 3gp 3g2 mj2 lrv insv braw f4a f4b mp4v aax 3ga hevc
    m4v video/x-m4v mp4 mov
    mov video/quicktime qt mp4 m4v m4a lrv insv braw
    3gp video/3gpp 3gpp 3g2 mp4 m4a 3ga
    3g2 video/3gpp2 3gp2 3gpp2 3gp mp4
    mj2 video/mj2 mjp2
    mka audio/x-matroska mkv webm
    mkv video/x-matroska mka mk3d mks webm
    webm video/webm mkv mka weba
    avi video/x-msvideo divx xvid amv
    asf video/x-ms-asf wmv wma dvr-ms
    wma audio/x-ms-wma asf wmv
    flv video/x-flv f4v
    mpg video/mpeg mpeg mpe m1v m2v mp2v mpv vob dat mod
    ts video/mp2t mts m2ts m2t tp trp tod
    rm application/vnd.rn-realmedia rmvb ra ram
    ra audio/x-pn-realaudio rm
    swf application/x-shockwave-flash
    dv video/x-dv dif
    mxf application/mxf
    wtv video/x-wtv
    ogv video/ogg ogg ogm ogx
    bik video/x-bink bk2
    mng video/x-mng
    y4m video/x-yuv4mpeg
    ivf video/x-ivf
    r3d video/x-r3d
    srt application/x-subrip txt
    vtt text/vtt webvtt
    ass text/x-ssa ssa
    sub text/x-microdvd txt
    ttml application/ttml+xml dfxp xml
    smi application/smil sami
    mp3 audio/mpeg mp2 mp1 mpga mpega mpa aac flac tta wv ape mpc
    aac audio/aac adts
    m4a audio/mp4 m4b m4p m4r mp4 aax f4a f4b 3gp 3ga
    flac audio/flac
    wav audio/x-wav wave bwf rf64
    aif audio/x-aiff aiff aifc
    ogg audio/ogg oga opus spx ogx
    ac3 audio/vnd.dolby.dd-raw eac3 ec3
    dts audio/vnd.dts
    amr audio/amr awb 3ga
    au audio/basic snd
    mid audio/midi midi kar rmi
    ape audio/x-ape
    wv audio/x-wavpack
    mpc audio/x-musepack
    tta audio/x-tta
    caf audio/x-caf
    voc audio/x-voc
    qcp audio/qcelp
    dsf audio/x-dsf
    dff audio/x-dff
    dss audio/x-dss ds2
    aa audio/x-audible
    xm audio/x-mod
    s3m audio/x-s3m
    m3u audio/x-mpegurl m3u8
    pls audio/x-scpls
    cue application/x-cue
    lrc application/x-lrc
    xspf application/xspf+xml
    pdf application/pdf ai
    rtf text/rtf doc
    doc application/msword dot wri wiz rtf
    docx application/vnd.openxmlformats-officedocument.wordprocessingml.document docm dotx dotm
    odt application/vnd.oasis.opendocument.text ott odm sxw stw oth
    ott application/vnd.oasis.opendocument.text-template odt
    odm application/vnd.oasis.opendocument.text-master
    odf application/vnd.oasis.opendocument.formula
    sxw application/vnd.sun.xml.writer stw
    pages application/vnd.apple.pages
    wps application/vnd.ms-works
    wpd application/vnd.wordperfect doc wp wp5
    wri application/x-mswrite
    hwp application/x-hwp
    pub application/vnd.ms-publisher
    msg application/vnd.ms-outlook oft
    one application/onenote onepkg onetoc2
    mpp application/vnd.ms-project mpt
    chm application/vnd.ms-htmlhelp
    xps application/vnd.ms-xpsdocument oxps
    djvu image/vnd.djvu djv
    html text/html htm xhtml shtml xht
    xhtml application/xhtml+xml html htm xht
    mhtml multipart/related mht eml
    eml message/rfc822 mht mhtml mbox emlx txt
    mbox application/mbox eml mbx
    emlx message/x-emlx
    webarchive application/x-webarchive
    fodt application/vnd.oasis.opendocument.text-flat-xml
    xfdf application/vnd.adobe.xfdf
    xdp application/vnd.adobe.xdp+xml
    tex text/x-tex latex ltx sty cls dtx
    bib text/x-bibtex
    ris application/x-research-info-systems
    enw application/x-endnote-refer
    sdw application/vnd.stardivision.writer
    p7m application/pkcs7-mime
    xls application/vnd.ms-excel xlt xlw xla
    xlsx application/vnd.openxmlformats-officedocument.spreadsheetml.sheet xlsm xltx xltm xlam
    xlsb application/vnd.ms-excel.sheet.binary.macroenabled.12
    ods application/vnd.oasis.opendocument.spreadsheet ots
    ots application/vnd.oasis.opendocument.spreadsheet-template ods
    sxc application/vnd.sun.xml.calc stc
    fods application/vnd.oasis.opendocument.spreadsheet-flat-xml
    numbers application/vnd.apple.numbers pages key keynote
    123 application/vnd.lotus-1-2-3 wk1 wk3 wk4 wks wb1 wb2 wb3 wq1 wq2 wrk
    qpw application/x-quattro-pro wb3
    xlr application/x-msworks-xlr
    sdc application/vnd.stardivision.calc
    csv text/csv txt
    tsv text/tab-separated-values txt tab csv
    slk application/x-sylk
    ppt application/vnd.ms-powerpoint pps pot ppa
    pptx application/vnd.openxmlformats-officedocument.presentationml.presentation pptm potx potm ppsx ppsm ppam sldx
    odp application/vnd.oasis.opendocument.presentation otp
    otp application/vnd.oasis.opendocument.presentation-template odp
    sxi application/vnd.sun.xml.impress sti
    fodp application/vnd.oasis.opendocument.presentation-flat-xml
    key application/vnd.apple.keynote keynote
    sdd application/vnd.stardivision.impress
    epub application/epub+zip ibooks kepub
    mobi application/x-mobipocket-ebook azw azw1 azw3 azw4 prc kf8 pdb
    prc application/vnd.palm pdb mobi
    lit application/x-ms-reader
    lrf application/x-sony-bbeb lrx
    fb2 application/x-fictionbook+xml xml
    fbz application/x-zip-compressed-fb2 fb2.zip zip
    cbz application/vnd.comicbook+zip zip
    zip application/zip
    rar application/vnd.rar cbr rev
    7z application/x-7z-compressed cb7
    tar application/x-tar cbt ova gem
    gz application/gzip tgz svgz
    bz2 application/x-bzip2 tbz tbz2
    xz application/x-xz txz
    zst application/zstd tzst
    lz4 application/x-lz4
    lz application/x-lzip tlz
    lzma application/x-lzma
    z application/x-compress taz
    lzh application/x-lzh-compressed lha
    arj application/x-arj
    ace application/x-ace-compressed cba
    cab application/vnd.ms-cab-compressed
    cpio application/x-cpio
    xar application/x-xar pkg
    warc application/warc
    arc application/x-ia-arc
    wacz application/wacz zip
    uue text/x-uuencode uu
    sit application/x-stuffit sitx
    zoo application/x-zoo
    exe application/vnd.microsoft.portable-executable dll sys scr ocx cpl efi com mui drv ax node pyd
    msi application/x-msi msp msm mst
    deb application/vnd.debian.binary-package udeb ddeb ipk
    rpm application/x-rpm
    apk application/vnd.android.package-archive jar
    aab application/x-authorware-bin
    apks application/x-apks
    xapk application/x-xapk
    ipa application/x-ios-app
    jar application/java-archive war ear
    war application/x-webapp-archive jar
    appx application/vnd.ms-appx msix appxbundle msixbundle
    nupkg application/vnd.nuget.package snupkg
    vsix application/vsix
    whl application/x-wheel
    xpi application/x-xpinstall zip
    crx application/x-chrome-extension
    snap application/vnd.snap squashfs
    dmg application/x-apple-diskimage
    appimage application/vnd.appimage
    iso application/x-iso9660-image udf img
    mdf application/x-mdf bin img iso
    img application/x-raw-disk-image
    qcow2 application/x-qemu-disk qcow
    vmdk application/x-vmdk
    vdi application/x-virtualbox-vdi
    vhdx application/x-vhdx
    vhd application/x-vhd
    wim application/x-ms-wim esd swm
    ipynb application/x-ipynb+json
    py text/x-python pyw pyi pyx
    js text/javascript mjs cjs jsx ts
    ts-code text/x-typescript ts tsx mts
    css text/css scss less
    php text/x-php phtml
    rb text/x-ruby
    pl text/x-perl pm
    sh text/x-shellscript bash zsh ksh run command
    bat text/x-msdos-batch cmd
    ps1 text/x-powershell psm1 psd1
    c text/x-c h cc cpp cxx hpp
    cpp text/x-c++ c h cc cxx hpp
    m text/x-objective-c
    cs text/x-csharp
    java text/x-java
    rs text/x-rust
    go text/x-go
    swift text/x-swift
    hs text/x-haskell
    sql application/sql
    lisp text/x-lisp el cl scm
    clj text/x-clojure
    tcl text/x-tcl
    lua text/x-lua
    r text/x-r
    asm text/x-asm s
    erl text/x-erlang
    ex text/x-elixir exs
    pas text/x-pascal
    vb text/x-vb vbs
    f90 text/x-fortran f
    hcl text/x-hcl tf
    cmake text/x-cmake
    mk text/x-makefile mak
    proto text/x-protobuf
    aspx text/x-asp asp
    nix text/x-nix
    smali text/x-smali
    yar text/x-yara
    diff text/x-diff patch
    dockerfile text/x-dockerfile
    json application/json geojson har gltf excalidraw ipynb webmanifest jsonld topojson sarif
    geojson application/geo+json json
    jsonl application/x-ndjson ndjson json
    xml text/xml
    xsl application/xslt+xml xslt xml
    xsd application/x-xsd xml
    dtd application/xml-dtd
    rss application/rss+xml xml
    atom application/atom+xml xml
    opml text/x-opml xml
    plist application/x-plist xml aae webloc strings
    bplist application/x-bplist plist webloc webarchive strings nib
    kml application/vnd.google-earth.kml+xml xml
    kmz application/vnd.google-earth.kmz
    gpx application/gpx+xml xml
    tcx application/vnd.garmin.tcx+xml xml
    osm application/vnd.openstreetmap.data+xml xml
    rdf application/rdf+xml xml owl
    ttl text/turtle
    yaml application/yaml yml
    toml application/toml
    ini text/x-ini cfg conf
    properties text/x-java-properties
    log text/x-log txt
    ics text/calendar ical ifb
    vcs text/x-vcalendar
    vcf text/vcard vcard
    ldif text/x-ldif
    qif application/x-qif
    ofx application/x-ofx qfx
    igc application/x-igc
    po text/x-gettext pot
    db application/vnd.sqlite3 sqlite sqlite3 db3 mbtiles gpkg
    mdb application/x-msaccess accdb
    bdb application/x-berkeley-db db
    dbf application/x-dbf
    odb application/vnd.oasis.opendocument.base
    frm application/x-mysql-frm
    myi application/x-mysql-myi
    parquet application/vnd.apache.parquet
    arrow application/vnd.apache.arrow.file feather
    avro application/x-avro
    h5 application/x-hdf5 hdf5 nc nc4 hdf
    nc application/x-netcdf cdf netcdf
    fits application/fits fts
    mat application/x-matlab-data
    npy application/x-numpy
    npz application/x-numpy-zip zip
    pkl application/x-pickle pickle
    pt application/x-pytorch pth zip
    sas7bdat application/x-sas-data sd2
    sav application/x-spss-sav
    dta application/x-stata-dta
    xpt application/x-sas-xport
    shp application/x-esri-shape shx
    fit application/vnd.ant.fit
    pcap application/vnd.tcpdump.pcap cap
    pcapng application/x-pcapng pcap
    cbor application/cbor
    pst application/vnd.ms-outlook-pst ost
    apkg application/x-anki colpkg
    ttf font/ttf ttc
    otf font/otf
    woff font/woff
    woff2 font/woff2
    eot application/vnd.ms-fontobject
    pfb font/x-postscript-pfb
    pfa font/x-postscript-pfa
    pfm-font application/x-font-pfm pfm
    afm application/x-font-afm
    dfont application/x-dfont
    pcf application/x-font-pcf
    bdf-font application/x-font-bdf bdf
    psd image/vnd.adobe.photoshop psb
    psp image/x-paintshoppro pspimage
    xcf image/x-xcf
    kra application/x-krita
    ora image/openraster
    ps application/postscript eps ai epsf
    indd application/x-indesign indt
    idml application/vnd.adobe.indesign-idml-package
    inx application/x-indesign-interchange
    sketch application/x-sketch
    fig application/x-figma
    vsd application/vnd.visio vss vst
    vsdx application/vnd.ms-visio.drawing.main+xml vsdm vssx vssm vstx vstm
    thmx application/vnd.ms-officetheme
    odg application/vnd.oasis.opendocument.graphics otg
    otg application/vnd.oasis.opendocument.graphics-template odg
    sxd application/vnd.sun.xml.draw std
    sda application/vnd.stardivision.draw
    vue text/x-vue svelte
    md text/markdown markdown mdown rst adoc org txt
    xmind application/vnd.xmind.workbook
    drawio application/vnd.jgraph.mxfile xml
    excalidraw application/vnd.excalidraw+json json
    dwg image/vnd.dwg dwt
    dxf image/vnd.dxf
    dgn application/x-bentley-dgn
    3ds image/x-3ds
    3mf model/3mf
    stl model/stl
    ply model/ply
    obj model/obj
    fbx application/x-fbx
    gltf model/gltf+json json
    glb model/gltf-binary
    usdz model/vnd.usdz+zip
    blend application/x-blender blend1
    step model/step stp
    gcode text/x-gcode
    cube text/x-cube-lut
    dae model/vnd.collada+xml xml
    torrent application/x-bittorrent
    elf application/x-elf so o ko run appimage bin axf prx puff out
    macho application/x-mach-binary dylib bundle o
    class application/x-java-applet
    wasm application/wasm
    pyc application/x-bytecode.python pyo
    a application/x-archive lib
    lnk application/x-ms-shortcut
    url application/x-mswinurl
    desktop application/x-desktop
    pem application/x-pem-file key crt cer csr pub p7c p7b asc
    pub-key text/x-ssh-public-key pub txt
    der application/pkix-cert cer crt der p7b p7c p7m p7s p12 pfx
    asc application/pgp-keys gpg pgp sig key
    jks application/x-java-keystore keystore
"""

_NAMES = {b"ts-code": b"ts", b"pub-key": b"pub", b"pfm-font": b"pfm", b"bdf-font": b"bdf"}
"""Formats whose extension is also that of another format: their own names here."""


def _read() -> dict[bytes, FileFormat]:
    formats = {}
    for line in _TABLE.split("\n"):
        if words := line.split():
            name, mime, *others = words
            key = name.encode()
            extensions = frozenset({_NAMES.get(key, key), *map(str.encode, others)})
            formats[key] = FileFormat(_NAMES.get(key, key), mime, extensions)
    return formats


FORMATS: MappingProxyType[bytes, FileFormat] = MappingProxyType(_read())

CATEGORIES: MappingProxyType[bytes, str] = MappingProxyType(
    {
        b"ts-code": "Code",
        b"pfm-font": "Fonts",
        b"bdf-font": "Fonts",
        b"pub-key": "Other",
        b"bdb": "Data",
        b"sav": "Data",
    }
)
"""Categories of the formats that share their extension with a format of another category, or have none of their own."""
