"""Each published set's metadata, in small made folders of exactly the published format."""

import csv
import json
import subprocess
import sys

import numpy as np
import pytest

from gislr.config.composition import compose
from gislr.data.importers import CLIP_SUFFIXES, IMPORTERS, stem_of, youtube_id
from gislr.data.importers.lsa64 import SIGNS
from gislr.data.manifest_writer import write_manifest
from gislr.data.sources.clips import read_manifest
from gislr.utils.errors import DataError, SettingError
from gislr.utils.paths import config_folder
from gislr.workflows.import_ import import_


def lay(root, texts, clips=(), suffix=".mp4"):
    """Writes a set: texts by path, and empty clips, or landmarks if the suffix says so."""
    for name, text in texts.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text if isinstance(text, str) else json.dumps(text), encoding="utf-8")
    for name in clips:
        path = root / f"{name}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        if suffix == ".npy":
            np.save(path, np.full((3, 42, 2), 0.5))
        else:
            path.touch()


def rows(root, name, clips=None):
    """Imports a set, and returns its manifest's rows and the line that tells of it."""
    written = write_manifest(IMPORTERS[name](), root, clips, root / "manifest.csv")
    with (root / "manifest.csv").open(encoding="utf-8", newline="") as file:
        header, *found = csv.reader(file)
    assert header == ["path", "sign", "signer", "split", "start", "end"]
    line = written.summary()
    assert line.startswith(f"{root / 'manifest.csv'}: ")
    return [tuple(row) for row in found], line.partition(": ")[2]


def instance(video_id, split, signer, url, start=1, end=-1):
    return {
        "bbox": [385, 37, 885, 720], "fps": 25, "frame_end": end, "frame_start": start,
        "instance_id": 0, "signer_id": signer, "source": "somewhere", "split": split,
        "url": url, "variation_id": 0, "video_id": video_id,
    }  # fmt: skip


WLASL = [
    {
        "gloss": "book",
        "instances": [
            instance("69241", "train", 118, "http://aslbricks.org/New/ASL-Videos/book.mp4"),
            instance(
                "70212", "val", 121, "https://www.youtube.com/watch?v=hjS0dQDgbjo", 2150, 2249
            ),
            instance("68011", "train", 110, "https://youtu.be/0UsjUE-TXns"),
        ],
    },
    {
        "gloss": "drink",
        "instances": [
            instance(
                "70266", "test", 121, "https://www.youtube.com/watch?v=hjS0dQDgbjo", 3732, 3852
            )
        ],
    },
]


def msasl(text, url, start, end, signer=0, **more):
    fps = 29.97
    return {
        "org_text": text, "clean_text": text, "start_time": start / fps, "signer_id": signer,
        "signer": -1, "start": start, "end": end, "file": text, "label": 46, "height": 360.0,
        "fps": fps, "end_time": end / fps, "url": url, "text": text,
        "box": [0.05, 0.2, 1.0, 0.9], "width": 640.0, **more,
    }  # fmt: skip


SCHOOL = "https://www.youtube.com/watch?v=1AyT77LqJzQ"
MSASL = {
    "MSASL_train.json": [
        msasl("school", SCHOOL, 33, 110, 1, review=1),
        msasl("school", SCHOOL, 140, 206, 1),
        msasl("school", SCHOOL, 140, 206, 1),
        msasl("bored", "www.youtube.com/watch?v=CYx7qm62Zwo", 0, 71, 13, clean_text="boring"),
    ],
    "MSASL_val.json": [msasl("like", "www.youtube.com/watch?v=7y5Ye-2-ZBs", 0, 52, 269)],
    "MSASL_test.json": [msasl("day", SCHOOL, 647, 676, 6), msasl("day", SCHOOL, 700, 700, 6)],
}

HEADER = "Participant ID,Video file,Gloss,ASL-LEX Code\n"
ASL_CITIZEN = {
    "splits/train.csv": f"{HEADER}P1,014439537-THANK YOU.mp4,THANKYOU,B_01_052\n"
    "P1,0152-REMEMBER.mp4,REMEMBER2,C_02_014\n",
    "splits/val.csv": HEADER + "P2,0042-NO.mp4,NO,NA\n",
    "splits/test.csv": HEADER + "P3,0043-NO.mp4,NO ,NA\n",
}

AUTSL = {
    "SignList_ClassId_TR_EN.csv": "ClassId,TR,EN\n0,abla,sister\n1,acele,hurry\n"
    "182,siz,you (plural)\n",
    "train_labels.csv": "signer0_sample1,1\nsigner0_sample2,182\n",
    "val/ground_truth.csv": "signer1_sample1,0\n",
    "test_labels.csv": "signer6_sample1, 1\n",
}
POPSIGN = (
    "game/train/table/4a.7003-table-2022_12_27_09_26_53.197-0",
    "game/train/table/gtsignstudy4a.7003-table-2023_01_27_10_03_20.667-0",
    "game/test/thankyou/thankyou/gtsignstudy4a.8031-thankyou-2023_01_24_20_27_17.907-0",
    "non-game/val/table/gtsignstudy4a.8035-table-2023_01_30_12_00_12.563-0",
)


def test_wlasl_counts_cut_videos_whole(tmp_path):
    lay(tmp_path, {"WLASL_v0.3.json": WLASL}, ["videos/69241", "videos/70212"])
    found, line = rows(tmp_path, "wlasl")
    assert found == [
        ("videos/69241.mp4", "book", "118", "train", "", ""),
        ("videos/70212.mp4", "book", "121", "val", "", ""),
    ]
    assert line == (
        "2 clips, 1 signs, 2 signers, split train 1 / val 1; left out: 2 whose files are missing"
    )


def test_wlasl_cuts_videos_of_youtube_by_frames_from_zero(tmp_path):
    names = ["69241", "hjS0dQDgbjo", "0UsjUE-TXns"]
    lay(tmp_path, {"WLASL_v0.3.json": WLASL}, [f"raw_videos_mp4/{name}" for name in names])
    found, _ = rows(tmp_path, "wlasl", tmp_path / "raw_videos_mp4")
    assert found == [
        ("raw_videos_mp4/69241.mp4", "book", "118", "train", "", ""),
        ("raw_videos_mp4/hjS0dQDgbjo.mp4", "book", "121", "val", "2149", "2249"),
        ("raw_videos_mp4/0UsjUE-TXns.mp4", "book", "110", "train", "", ""),
        ("raw_videos_mp4/hjS0dQDgbjo.mp4", "drink", "121", "test", "3731", "3852"),
    ]


def test_msasl(tmp_path):
    lay(tmp_path, MSASL, ["videos/1AyT77LqJzQ", "videos/CYx7qm62Zwo"])
    found, line = rows(tmp_path, "msasl")
    assert found == [
        ("videos/1AyT77LqJzQ.mp4", "school", "1", "train", "33", "110"),
        ("videos/1AyT77LqJzQ.mp4", "school", "1", "train", "140", "206"),
        ("videos/CYx7qm62Zwo.mp4", "bored", "13", "train", "0", "71"),
        ("videos/1AyT77LqJzQ.mp4", "day", "6", "test", "647", "676"),
    ]
    assert line == (
        "4 clips, 3 signs, 3 signers, split train 3 / test 1; left out: "
        "1 whose files are missing, 1 listed twice, 1 without frames"
    )


def test_asl_citizen(tmp_path):
    names = ["014439537-THANK YOU", "0042-NO", "0043-NO"]
    lay(tmp_path, ASL_CITIZEN, [f"videos/{name}" for name in names])
    found, line = rows(tmp_path, "asl_citizen")
    assert found == [
        ("videos/014439537-THANK YOU.mp4", "THANKYOU", "P1", "train", "", ""),
        ("videos/0042-NO.mp4", "NO", "P2", "val", "", ""),
        ("videos/0043-NO.mp4", "NO", "P3", "test", "", ""),
    ]
    assert line.endswith("split train 1 / val 1 / test 1; left out: 1 whose files are missing")


def test_autsl(tmp_path):
    names = ["train/signer0_sample1", "train/signer0_sample2", "val/signer1_sample1"]
    lay(tmp_path, AUTSL, [f"{name}_{kind}" for name in names for kind in ("color", "depth")])
    found, line = rows(tmp_path, "autsl")
    assert found == [
        ("train/signer0_sample1_color.mp4", "hurry", "signer0", "train", "", ""),
        ("train/signer0_sample2_color.mp4", "you (plural)", "signer0", "train", "", ""),
        ("val/signer1_sample1_color.mp4", "sister", "signer1", "val", "", ""),
    ]
    assert "left out: 1 whose files are missing" in line


def test_lsa64(tmp_path):
    assert (len(SIGNS), len(set(SIGNS)), SIGNS[63]) == (64, 64, "Find")
    names = ["001_001_001", "008_010_005", "064_002_003", "065_001_001", "intro"]
    lay(tmp_path, {}, [f"all_cut/{name}" for name in names])
    (tmp_path / "all_cut/._001_001_001.mp4").touch()
    found, line = rows(tmp_path, "lsa64")
    assert found == [
        ("all_cut/001_001_001.mp4", "Opaque", "001", "", "", ""),
        ("all_cut/008_010_005.mp4", "Red (08)", "010", "", "", ""),
        ("all_cut/064_002_003.mp4", "Find", "002", "", "", ""),
    ]
    assert line == "3 clips, 3 signs, 3 signers, no official split"
    lay(tmp_path, {}, ["all/001_001_001"])
    with pytest.raises(
        DataError, match=r"lie several times below .*: 1 \(001_001_001\)\. Name the"
    ):
        rows(tmp_path, "lsa64")
    assert len(rows(tmp_path, "lsa64", tmp_path / "all")[0]) == 1


def test_popsign(tmp_path):
    lay(tmp_path, {}, POPSIGN)
    found, line = rows(tmp_path, "popsign")
    assert sorted((sign, signer, split) for _, sign, signer, split, *_ in found) == [
        ("table", "7003", "train"), ("table", "7003", "train"), ("thankyou", "8031", "test"),
    ]  # fmt: skip
    assert line == "3 clips, 2 signs, 2 signers, split train 2 / test 1"
    [row], _ = rows(tmp_path, "popsign", tmp_path / "non-game")
    assert row == (f"{POPSIGN[3]}.mp4", "table", "8035", "val", "", "")


SETS = {
    "wlasl": ({"WLASL_v0.3.json": WLASL}, ["videos/69241", "videos/70266"]),
    "msasl": (MSASL, ["videos/1AyT77LqJzQ"]),
    "asl_citizen": (ASL_CITIZEN, ["videos/014439537-THANK YOU", "videos/0042-NO"]),
    "autsl": (AUTSL, ["train/signer0_sample1_color", "test/signer6_sample1_color"]),
    "lsa64": ({}, ["all/001_001_001", "all/064_002_003"]),
    "popsign": ({}, POPSIGN[:3]),
}


def test_every_importer_is_tested_and_named_in_the_help():
    assert sorted(SETS) == IMPORTERS.names()
    assert f"Sets: {', '.join(sorted(SETS))}." in (config_folder() / "import.yaml").read_text()


@pytest.mark.parametrize("name", SETS)
def test_a_manifest_of_landmarks_is_read(name, tmp_path):
    texts, clips = SETS[name]
    lay(tmp_path, texts, clips)
    videos, _ = rows(tmp_path, name)
    lay(tmp_path, {}, clips, ".npy")  # beside the videos: landmarks go first
    landmarks, _ = rows(tmp_path, name)
    assert [row[1:] for row in landmarks] == [row[1:] for row in videos]
    listing = read_manifest(tmp_path / "manifest.csv")
    assert listing.paths == [row[0] for row in landmarks]
    assert all(path.endswith(".npy") for path in listing.paths)
    assert [listing.signs[label] for label in listing.labels] == [row[1] for row in landmarks]
    assert listing.signers == [row[2] for row in landmarks]
    assert listing.splits == [row[3] for row in landmarks]
    assert listing.spans.tolist() == [[int(a or 0), int(b or -1)] for *_, a, b in landmarks]


@pytest.mark.parametrize("name", SETS)
def test_without_any_file_the_folder_is_named(name, tmp_path):
    lay(tmp_path, SETS[name][0])
    with pytest.raises(DataError, match=r"No listed clip has a file in .*; clips=FOLDER names"):
        rows(tmp_path, name)
    assert not (tmp_path / "manifest.csv").exists()


def change(entry, **values):
    return [{"gloss": "book", "instances": [{**entry, **values}]}]


ONE = WLASL[0]["instances"][1]


@pytest.mark.parametrize(
    ("name", "texts", "sentence"),
    [
        ("wlasl", {"README.md": ""}, r"metadata is expected in .*WLASL_v0\.3\.json.*No such file"),
        ("wlasl", {"WLASL_v0.3.json": "[["}, "as the set publishes it: it is no JSON"),
        ("wlasl", {"WLASL_v0.3.json": {}}, "it must hold a list"),
        ("wlasl", {"WLASL_v0.3.json": [3]}, "gloss must be text in 3"),
        ("wlasl", {"WLASL_v0.3.json": [{"gloss": "x"}]}, "instances must be a list in"),
        ("wlasl", {"WLASL_v0.3.json": change(ONE, signer_id="x")}, "signer_id must be a whole"),
        ("wlasl", {"WLASL_v0.3.json": change(ONE, frame_start=0)}, "frame_start must be 1 or more"),
        ("wlasl", {"WLASL_v0.3.json": change(ONE, split="dev")}, r"Splits other than .*\(dev\)"),
        ("msasl", {"MSASL_train.json": [{"url": SCHOOL}]}, "text must be text in"),
        ("asl_citizen", {"splits/train.csv": "a,b\n1,2\n"}, "must have the columns Participant ID"),
        ("asl_citizen", {"splits/train.csv": ""}, "must have the columns Participant ID"),
        ("asl_citizen", {"splits/train.csv": f"{HEADER}P1,x.mp4\n"}, "a row has 2 values"),
        (
            "asl_citizen",
            {**ASL_CITIZEN, "splits/val.csv": f"{HEADER}P1,x.mp4,,\n,y.mp4,NO,\n"},
            r"without a sign: 1 \(x\).*\n.*without a signer beside.*: 1 \(y\)",
        ),
        ("autsl", {"SignList_ClassId_TR_EN.csv": "a,b\n"}, "the columns ClassId, TR, EN"),
        ("autsl", dict(list(AUTSL.items())[:1]), "Labels are expected in .*: train_labels.csv"),
        ("autsl", {**AUTSL, "train_labels.csv": "signer0_sample1,999\n"}, "signerX_sampleY,label"),
        ("autsl", {**AUTSL, "train_labels.csv": "sample1\n"}, "signerX_sampleY,label"),
    ],
)  # fmt: skip
def test_bad_metadata_ends_in_a_sentence(name, texts, sentence, tmp_path):
    lay(tmp_path, texts, ["videos/hjS0dQDgbjo"])
    with pytest.raises(DataError, match=sentence):
        rows(tmp_path, name)


def test_files_that_cannot_be_text_or_lie_elsewhere(tmp_path):
    lay(tmp_path, {"splits/train.csv": ""}, ["videos/x", "game/a-table-1"])
    (tmp_path / "splits/train.csv").write_bytes(b"\xff\xfe")
    with pytest.raises(DataError, match="must be text in UTF-8"):
        rows(tmp_path, "asl_citizen")
    with pytest.raises(DataError, match="must lie in a folder train, val or test"):
        rows(tmp_path, "popsign")
    with pytest.raises(DataError, match="set's folder must exist"):
        rows(tmp_path / "none", "lsa64")
    with pytest.raises(DataError, match="must be in a folder above the clips"):
        write_manifest(IMPORTERS["lsa64"](), tmp_path, tmp_path, tmp_path / "splits" / "m.csv")


def test_clips_reached_by_another_way(tmp_path, monkeypatch):
    lay(tmp_path / "set", *SETS["lsa64"])
    (tmp_path / "link").symlink_to(tmp_path / "set")
    monkeypatch.chdir(tmp_path / "set" / "all")
    path = import_(compose("import", f"dataset=[lsa64,{tmp_path / 'link'}]", "clips=../all"))
    assert path.read_text().splitlines()[1] == "all/001_001_001.mp4,Opaque,001,,,"


def test_an_unknown_set_lists_the_known_ones(tmp_path):
    with pytest.raises(
        SettingError, match=r"dataset must be one of asl_citizen, autsl, .*'wlasl'\?"
    ):
        import_(compose("import", f"dataset=[wlsl,{tmp_path}]"))
    with pytest.raises(SettingError, match=r"import wlasl ROOT; the sets are asl_citizen, autsl, "):
        import_(compose("import"))


@pytest.mark.slow
def test_the_command(tmp_path):
    lay(tmp_path, *SETS["wlasl"])
    for command in (["gislr", "import"], ["gislr.import"]):
        done = subprocess.run(
            [sys.executable, "-m", *command, "wlasl", str(tmp_path)],
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            f"wrote {tmp_path / 'manifest.csv'}: 2 clips, 2 signs, 2 signers, split train 1 / "
            "test 1; left out: 2 whose files are missing\n"
        )


def test_stems_and_ids():
    assert stem_of("a.b.MP4") == "a.b"
    assert stem_of("4.72") == "4.72"
    assert ".parquet" in CLIP_SUFFIXES
    assert youtube_id("https://www.youtube.com/watch?t=3&v=hjS0dQDgbjo") == "hjS0dQDgbjo"
    assert youtube_id("http://www.aslpro.com/main/b/book.swf?v=hjS0dQDgbjo") == ""
