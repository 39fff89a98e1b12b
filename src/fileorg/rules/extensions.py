"""The built-in categories, and the position of a name's extension. The folder of a category has its name.

`categories.toml` is the source of the table, in the form of `fileorg.toml`, and says why an extension is where it is.
To parse it at each start would take 20 ms.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

OTHER = "Other"


def _words(text: str) -> tuple[bytes, ...]:
    return tuple(text.encode().split())


# From categories.toml by `python -m tests.support.category_table`; a test compares the two.
# fmt: off
CATEGORIES: MappingProxyType[str, tuple[bytes, ...]] = MappingProxyType(
    {
        "Images": _words("""
            jpg jpeg jpe jif jfif jfi pjpeg pjp png apng gif webp bmp dib tif tiff svg svgz ico icns cur ani
            heic heif heics heifs hif avif avifs avci avcs jxl jp2 j2k jpf jpx jpm j2c jpc jxr wdp hdp qoi flif
            bpg tga pcx pbm pgm ppm pnm pam pfm xbm xpm wbmp sgi exr hdr dds wmf emf mpo jps pns insp dcm dicom
            dng cr2 cr3 crw nef nrw arw srf sr2 srw raf rw2 rwl orf ori pef x3f 3fr fff iiq mos mef mrw erf kdc
            dcr dcs k25 bay eip gpr rwz raw xmp aae thm pict pct dpx cin jls jph jxs jpg2 pcd fpx miff ras wpg
            rgbe xwd jng ilbm lbm pntg blp btf dcx lfp
        """),
        "Video": _words("""
            mp4 m4v mkv webm mov qt avi wmv asf flv f4v mpg mpeg mpe m1v m2v mp2v mpv ts mts m2ts m2t tp trp vob
            ogv ogm 3gp 3g2 rm rmvb divx xvid mxf dv dvr-ms wtv amv mjpeg mjpg y4m swf bik nsv roq yuv av1 ivf
            h264 h265 hevc 264 265 insv lrv braw r3d webvtt srt vtt sub idx ass ssa sbv smi mj2 mjp2 mk3d 3gpp
            3gp2 3gpp2 flc fli smk bk2 mng dav ttml dfxp sami mks sup
        """),
        "Audio": _words("""
            mp3 m4a m4b m4p m4r aac flac wav wave ogg oga opus wma aiff aif aifc alac ape wv mka mpc mp2 mp1
            mpga ac3 eac3 dts dsf dff amr awb au snd ra mid midi kar tta tak shn spx caf gsm voc 8svx xm s3m aa
            aax sf2 sfz cue m3u m3u8 pls xspf lrc nsf spc qcp w64 rf64 f4a f4b dss ds2 ram rax mo3 oma aa3 at3
            3ga mpega adts ec3 xmf mxmf asx wax
        """),
        "Documents": _words("""
            pdf doc docx docm dot dotx dotm odt ott fodt rtf txt text md markdown mdown rst adoc asciidoc org
            tex latex ltx bib pages wpd wps wri abw sxw lwp hwp hwpx oxps xps htm html xhtml mht mhtml maff eml
            emlx msg mbox oft one onepkg mpp mpt gdoc nfo readme textile wiki fodg odm pub tm lyx p7m ris enw
            chm hlp webarchive xht shtml xfdf fdf xdp odf sxm sdw stw djv djvu pkpass asice asics bdoc edoc nbib
            cwk kwd zabw docbook dbk texi texinfo dvi mediawiki
        """),
        "Spreadsheets": _words("""
            xls xlsx xlsm xlsb xlt xltx xltm xlw ods ots fods csv tsv numbers gsheet sxc wk1 wk3 wk4 123
            gnumeric dif slk et ett qpw wb1 wb2 wb3 wq1 wq2 wks xlr xlam xla sdc stc ksp
        """),
        "Presentations": _words("""
            ppt pptx pptm pps ppsx ppsm pot potx potm odp otp fodp key gslides sxi keynote dps sti sdd ppam ppa
            kpr prz
        """),
        "Ebooks": _words("""
            epub kepub.epub mobi azw azw1 azw3 azw4 kfx kpf prc fb2 fb2.zip fbz lit lrf lrx cbr cbz cb7 cbt cba
            ibooks tcr snb oeb acsm kepub fb3 htmlz txtz pmlz
        """),
        "Archives": _words("""
            001 r00 r01 r02 r03 r04 r05 r06 r07 r08 r09 r10 r11 r12 r13 r14 r15 r16 r17 r18 r19 r20 r21 r22 r23
            r24 r25 r26 r27 r28 r29 r30 r31 r32 r33 r34 r35 r36 r37 r38 r39 r40 r41 r42 r43 r44 r45 r46 r47 r48
            r49 r50 r51 r52 r53 r54 r55 r56 r57 r58 r59 r60 r61 r62 r63 r64 r65 r66 r67 r68 r69 r70 r71 r72 r73
            r74 r75 r76 r77 r78 r79 r80 r81 r82 r83 r84 r85 r86 r87 r88 r89 r90 r91 r92 r93 r94 r95 r96 r97 r98
            r99 z00 z01 z02 z03 z04 z05 z06 z07 z08 z09 z10 z11 z12 z13 z14 z15 z16 z17 z18 z19 z20 z21 z22 z23
            z24 z25 z26 z27 z28 z29 z30 z31 z32 z33 z34 z35 z36 z37 z38 z39 z40 z41 z42 z43 z44 z45 z46 z47 z48
            z49 z50 z51 z52 z53 z54 z55 z56 z57 z58 z59 z60 z61 z62 z63 z64 z65 z66 z67 z68 z69 z70 z71 z72 z73
            z74 z75 z76 z77 z78 z79 z80 z81 z82 z83 z84 z85 z86 z87 z88 z89 z90 z91 z92 z93 z94 z95 z96 z97 z98
            z99 zip zipx rar 7z tar gz tgz tar.gz bz2 tbz tbz2 tar.bz2 xz txz tar.xz zst tzst tar.zst lz tlz
            tar.lz lzma tar.lzma lz4 tar.lz4 lzo tar.lzo br tar.br z tar.z taz sz tar.sz arj ace lha lzh cab
            cpio cpio.gz cpio.xz zoo arc alz egg sit sitx sea hqx pea wacz warc warc.gz xar rev par2 zpaq kgb
            uha uu uue bz tb2 lrz tar.lrz tlrz lzx
        """),
        "Installers": _words("""
            exe msi msix msixbundle appx appxbundle msp msu deb udeb rpm pkg mpkg dmg apk apks apkm xapk aab ipa
            appimage flatpak flatpakref flatpakrepo snap run jar jnlp crx xpi vsix pkg.tar.zst pkg.tar.xz
            pkg.tar.gz eopkg ebuild click air nupkg whl conda gem crate phar vbox-extpack alfredworkflow war ear
            ddeb ipk sis sisx
        """),
        "Disk images": _words("""
            iso iso.gz iso.xz iso.zst img img.gz img.xz img.zst img.bz2 img.zip nrg mdf mds ccd b5t b6t toast
            isz cso chd dsk vhd vhdx vmdk vdi hdd qcow qcow2 qcow2.xz qed ova ovf wim esd swm e01 ewf
            sparseimage sparsebundle udf xva raw.xz raw.gz wic.gz wic.xz wbfs bwt cdi daa uif gho ffu
        """),
        "Code": _words("""
            py pyw pyi pyx pxd ipynb js mjs cjs jsx user.js min.js d.ts d.mts d.cts tsx mtsx vue svelte astro
            coffee css scss sass less styl user.css php phtml blade.php rb erb rake pl pm raku lua tcl sh bash
            zsh fish ksh csh bat cmd ps1 psm1 psd1 vbs vba awk sed c h cc cpp cxx c++ hh hpp hxx h++ inl m mm cs
            csx vb fs fsx fsi java kt kts scala sc groovy gradle clj cljs cljc edn go rs swift dart d di zig nim
            cr v sv svh vhdl ada adb ads pas pp dpr f f77 f90 f95 f03 for hs lhs ml mli ocaml elm ex exs erl hrl
            jl r rmd qmd do ado sas sql plsql asm s nasm lisp lsp cl el scm rkt sol move cob cbl abap apex bas
            ino pde glsl hlsl vert frag wgsl cu cuh proto thrift graphql gql tf tfvars hcl nix bzl cmake mk mak
            ninja dockerfile diff patch jsp aspx asp cshtml razor ejs hbs mustache j2 jinja pug haml liquid twig
            ahk au3 applescript scpt gd gdscript tscn shader wat purs resi re rei vim ebnf g4 y l cts sty cls
            bst dtx bbx cbx vala vapi qml sage wasm m4 ixx cppm php3 php4 php5 phps smali yar yara
        """),
        "Data": _words("""
            json jsonl ndjson json5 geojson topojson jsonld har xml xsd xsl xslt dtd rss atom opml yaml yml toml
            ini cfg conf properties plist log csv.gz csv.xz csv.zst csv.bz2 tsv.gz json.gz json.zst json.bz2
            jsonl.gz jsonl.zst ndjson.gz xml.gz xml.bz2 sql.gz sql.xz sql.zst sql.bz2 log.gz log.xz log.zst
            log.bz2 txt.gz txt.xz db db3 sqlite sqlite3 sqlite-wal sqlite-shm mdb accdb dbf sdf odb gdb frm myd
            myi dump parquet feather arrow avro orc hdf hdf4 hdf5 h5 nc nc4 cdf netcdf grib grb grb2 mat rds rda
            rdata zsav por dta sas7bdat xpt pkl pickle npy npz joblib pt pth onnx safetensors gguf tfrecord
            tflite ckpt msgpack cbor bson ubj rdf ttl nt nq trig owl n3 kml kmz gpx tcx fit osm osm.pbf pbf shp
            shx prj qpj cpg gpkg mbtiles las laz asc.gz vcf vcf.gz bcf bam sam cram fasta fastq fa fa.gz fq
            fq.gz fastq.gz fasta.gz gff gff3 gtf bed pdb.gz cif mol mol2 nii nii.gz mgz edf bdf fits fts ics
            ical vcard ldif po pcap pcapng evtx etl dat lst idl ofx qfx qif qbo gnucash srec nessus pst ost
            jsonc igc duckdb vcs ifb apkg colpkg ged gedcom pgn sgf gml xlf xliff bplist wsdl rng mmdb sqlite2
            sarif webmanifest ofc kmy qbw mt940
        """),
        "Fonts": _words("""
            ttf otf ttc otc woff woff2 eot pfb pfa afm fon fnt pcf pcf.gz dfont suit glyphs ufo sfd vfb ttx otb
        """),
        "Design": _words("""
            psd psb ai ait eps epsf ps indd indt idml inx xd sketch fig cdr cdt cmx afdesign afphoto afpub af
            xcf kra ora clip procreate mdp sai sai2 pdn pxm csp lip abr asl grd ase aco lut cube 3dl vsd vsdx
            vstx drawio dia excalidraw odg otg graffle aep aet prproj drp fcpxml mogrt veg kdenlive mlt blend
            blend1 3ds max c4d fbx gltf glb obj mtl dae stl 3mf amf ply usd usda usdc usdz abc ma mb lwo lxo zpr
            ztl skp dwg dxf dwf dwt dgn step stp iges igs x_t x_b sat sldprt sldasm slddrw ipt iam idw catpart
            catproduct f3d f3z fcstd scad rvt rfa ifc 3dm ste gcode nc1 brd sch kicad_pcb kicad_sch gbr lbrn
            lbrn2 xcs studio3 dst pes jef vp3 vss vst vssx vsdm vstm vssm vdx thmx psp pspimage xmind mmap atn
            pat cgm icc icm std sxd qxd qxp pmd p65 fla dwfx wrl vrml x3d u3d jt 3dxml sda
        """),
        OTHER: (),
    }
)
# fmt: on
# End of the table.

COMPOUND: frozenset[bytes] = frozenset(
    extension for extensions in CATEGORIES.values() for extension in extensions if b"." in extension
)

# A longer part after the last dot, or one with a blank, is text: `Dr. Who`, `v1. final version`.
MAX_EXTENSION_BYTES = 20
_BLANKS = frozenset(b" \t\n\r\v\f")


def extension_start(name: bytes, compound: Container[bytes] = COMPOUND) -> int:
    """Return the position of the dot of `name`'s extension; `len(name)` if there is none.

    A leading dot hides a file and starts no extension. Two or three parts are one extension if `compound` holds them
    (`tar.gz`, `pkg.tar.zst`).
    """
    dot = name.rfind(b".")
    if dot <= 0 or not 1 <= len(name) - dot - 1 <= MAX_EXTENSION_BYTES:
        return len(name)
    if not _BLANKS.isdisjoint(name[dot:]):
        return len(name)
    start = before = dot
    for _ in range(2):
        before = name.rfind(b".", 0, before)
        if before <= 0:
            break
        if name[before + 1 :].lower() in compound:
            start = before
    return start
