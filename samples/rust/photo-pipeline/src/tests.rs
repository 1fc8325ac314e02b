//! The pipeline on the photographs that are shipped with it, natively.

use std::collections::BTreeMap;
use std::io::{Cursor, Write};

use weft_sdk::http::{Error, Request};
use weft_sdk::testing::{Orchestration, Report};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use crate::album::{Album, Developed, Found, Storage};
use crate::analyse::analyse;
use crate::archive::{self, unpack};
use crate::develop::develop;
use crate::sheet::combine;
use crate::web;

fn photo(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/photos/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let options = SimpleFileOptions::default().compression_method(CompressionMethod::Deflated);
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in files {
        writer.start_file(*name, options).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn unpacked(archive: &[u8]) -> Result<Vec<String>, archive::Error> {
    unpack(archive, |_, _, _| Ok(()))
}

fn run(id: &str, pictures: &[(&str, Vec<u8>)]) -> Report<Developed> {
    let storage = Storage::open(id).unwrap();
    for (position, (_, bytes)) in pictures.iter().enumerate() {
        storage.set_original(position, bytes).unwrap();
    }
    let names = pictures
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    let album = Album {
        id: id.to_owned(),
        pictures: names,
    };
    Orchestration::new(develop, album)
        .real_activity::<analyse>()
        .real_activity::<combine>()
        .run()
}

#[test]
fn an_album_becomes_a_contact_sheet() {
    let names = [
        "camera.png",
        "chelsea.png",
        "coffee.png",
        "hubble_deep_field.jpg",
        "rocket.jpg",
    ];
    let report = run("full", &names.map(|name| (name, photo(name))));
    let developed = report.result.unwrap();

    let pictures: BTreeMap<_, _> = developed
        .pictures
        .iter()
        .map(|entry| match &entry.found {
            Found::Picture(picture) => (entry.name.as_str(), picture),
            Found::Problem(problem) => panic!("{}: {problem}", entry.name),
        })
        .collect();
    let sizes = pictures
        .values()
        .map(|p| (p.format.as_str(), p.width, p.height));
    assert_eq!(
        sizes.collect::<Vec<_>>(),
        [
            ("png", 512, 512),
            ("png", 451, 300),
            ("png", 600, 400),
            ("jpeg", 1000, 872),
            ("jpeg", 640, 427),
        ]
    );
    let hubble = pictures["hubble_deep_field.jpg"];
    assert_eq!(hubble.exif["Software"], "Adobe Photoshop CS5 Macintosh");
    assert!(
        hubble.colours.brightness < 0.15,
        "space is dark: {:?}",
        hubble.colours
    );
    assert!(pictures["rocket.jpg"].exif.is_empty());

    let sheet = developed.sheet.unwrap();
    // Five pictures in three columns and two rows of 256 pixels with gaps of 16.
    assert_eq!((sheet.width, sheet.height), (3 * 272 + 16, 2 * 272 + 16));
    let png = Storage::open("full").unwrap().sheet().unwrap().unwrap();
    let image = image::load_from_memory(&png).unwrap();
    assert_eq!((image.width(), png.len()), (sheet.width, sheet.bytes));
    assert_eq!(report.statuses.last().unwrap()["analysed"], 5);
}

#[test]
fn a_broken_picture_does_not_spoil_the_others() {
    let truncated = photo("rocket.jpg")[..200].to_vec();
    let pictures = [
        ("a.jpg", truncated),
        ("b.png", photo("chelsea.png")),
        ("c.png", b"no".to_vec()),
    ];
    let developed = run("broken", &pictures).result.unwrap();
    let readable = developed
        .pictures
        .iter()
        .map(|e| matches!(e.found, Found::Picture(_)));
    assert_eq!(readable.collect::<Vec<_>>(), [false, true, false]);
    assert!(developed.sheet.is_some());
}

#[test]
fn an_album_without_a_readable_picture_has_no_sheet() {
    let report = run("unreadable", &[("a.png", b"no".to_vec())]);
    assert_eq!(report.result.as_ref().unwrap().sheet, None);
    assert_eq!(report.names(), ["analyse"]);
}

#[test]
fn colours_are_measured() {
    let mut image = image::RgbImage::from_pixel(4, 4, image::Rgb([255, 0, 0]));
    for x in 0..4 {
        image.put_pixel(x, 0, image::Rgb([0, 0, 255]));
    }
    let colours = crate::colours::measure(&image);
    assert_eq!(
        (colours.mean.as_str(), colours.dominant.as_str()),
        ("#bf003f", "#ff0000")
    );
    assert_eq!((colours.histogram[1], colours.histogram[4]), (0.25, 0.75));
}

#[test]
fn pictures_are_found_in_folders_and_other_files_passed_over() {
    let archive = zip(&[
        ("notes.txt", b"x"),
        ("day 1/A.JPG", b"a"),
        ("__MACOSX/day 1/._A.JPG", b"x"),
        ("day 2/b.png", b"b"),
    ]);
    let mut stored = Vec::new();
    let names = unpack::<archive::Error>(&archive, |position, name, bytes| {
        stored.push((position, name.to_owned(), bytes.to_vec()));
        Ok(())
    });
    assert_eq!(names.unwrap(), ["A.JPG", "b.png"]);
    let expected = [
        (0, "A.JPG".to_owned(), b"a".to_vec()),
        (1, "b.png".to_owned(), b"b".to_vec()),
    ];
    assert_eq!(stored, expected);
}

#[test]
fn archives_are_bounded() {
    let bomb = vec![0; 25 << 20];
    assert!(matches!(
        unpacked(&zip(&[("a.png", &bomb)])),
        Err(archive::Error::PictureTooLarge(_))
    ));

    let large = vec![0; 20 << 20];
    let many = [
        "a.png", "b.png", "c.png", "d.png", "e.png", "f.png", "g.png",
    ];
    let archive = zip(&many.map(|name| (name, large.as_slice())));
    assert!(matches!(unpacked(&archive), Err(archive::Error::TooLarge)));

    let names: Vec<String> = (0..1001).map(|n| format!("{n}.png")).collect();
    let files: Vec<_> = names
        .iter()
        .map(|name| (name.as_str(), &b"x"[..]))
        .collect();
    assert!(matches!(
        unpacked(&zip(&files)),
        Err(archive::Error::TooManyEntries)
    ));
    assert!(matches!(
        unpacked(&zip(&files[..101])),
        Err(archive::Error::TooManyPictures)
    ));
}

#[test]
fn malformed_archives_are_refused() {
    let good = zip(&[("a.jpg", &photo("rocket.jpg"))]);
    for bad in [
        &b""[..],
        b"no archive",
        &good[..good.len() / 2],
        &good[1000..],
    ] {
        assert!(unpacked(bad).is_err());
    }
    let mut damaged = good;
    damaged[5000..5100].fill(0);
    assert!(matches!(
        unpacked(&damaged),
        Err(archive::Error::Damaged(_))
    ));
    assert!(matches!(
        unpacked(&zip(&[("a.txt", b"x")])),
        Err(archive::Error::Empty)
    ));
    assert_eq!(Error::from(archive::Error::Empty).status(), 400);
}

#[test]
fn strange_ids_lead_nowhere() {
    for id in [
        "1",
        "..",
        "%2e%2e%2fothers",
        "g0000000000000000000000000000000",
    ] {
        let request = Request::new("GET", &format!("/api/photos/{id}/sheet"), "");
        let request = request.with_route("photos/{id}/sheet");
        assert_eq!(web::sheet(request).unwrap_err().status(), 404);
    }
}
