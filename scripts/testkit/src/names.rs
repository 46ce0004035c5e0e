//! Random Indonesian names of people, institutions and books.

use std::sync::Arc;

use rand::RngExt as _;
use rand::seq::IndexedRandom as _;
use rand_chacha::ChaCha8Rng;

use crate::library::{MemberType, Room};

#[rustfmt::skip]
const GIVEN: &[&str] = &[
    "Siti", "Muhammad", "Ahmad", "Dewi", "Putri", "Agus", "Budi", "Eko", "Rina", "Wahyu", "Dian", "Rizky", "Fitri",
    "Indah", "Yusuf", "Nur", "Sri", "Bayu", "Dimas", "Fajar", "Hendra", "Intan", "Joko", "Kartika", "Lestari", "Maya",
    "Nadia", "Oki", "Prasetyo", "Ratna", "Sari", "Taufik", "Umi", "Vina", "Wulan", "Yani", "Zahra", "Arif", "Bagus",
    "Citra", "Desi", "Galih", "Ilham", "Kevin", "Laila", "Nu'man", "Ma'ruf", "Rifa'i", "Anisa", "Ridwan",
];

#[rustfmt::skip]
const FAMILY: &[&str] = &[
    "Aisyah", "Nurhaliza", "Santoso", "Wijaya", "Hidayat", "Saputra", "Lestari", "Rahmawati", "Setiawan", "Kusuma",
    "Pratama", "Handayani", "Nugroho", "Siregar", "Simanjuntak", "Hasibuan", "Nasution", "Lubis", "Harahap",
    "Tanjung", "Permata", "Maharani", "Utami", "Firmansyah", "Ramadhan", "Kurniawan", "Suryani", "Wibowo", "Gunawan",
    "Halim", "Sutrisno", "Purnama", "Anggraini", "Safitri", "Puspita", "Mulyadi", "Iskandar", "Yulianti", "Sa'diyah",
    "Mu'min",
];

/// Names of one word.
#[rustfmt::skip]
const SINGLE: &[&str] = &[
    "Suharto", "Sukarno", "Sumarni", "Wagiman", "Paijo", "Tukiyem", "Supriyadi", "Nu'man",
];

/// People with titles.
#[rustfmt::skip]
const TITLED: &[&str] = &[
    "H. Abdul Karim, S.Pd.", "Dr. Ir. Bambang Sudibyo, M.T.", "Hj. Nur'aini, S.Ag., M.Pd.I.",
    "Prof. Dr. Retno Wulandari", "Drs. Slamet Riyadi, M.M.",
];

#[rustfmt::skip]
const INSTITUTIONS: &[&str] = &[
    "Fakultas Teknik", "Fakultas Ekonomi dan Bisnis", "Fakultas Hukum", "FKIP", "Fakultas Kedokteran", "Pascasarjana",
    "Fakultas Ilmu Sosial dan Ilmu Politik", "Fakultas Pertanian", "Fakultas MIPA", "Fakultas Psikologi",
];

#[rustfmt::skip]
const PLACES: &[&str] = &[
    "SMA Negeri 1", "SMK Muhammadiyah 2", "MAN 3", "Universitas Terbuka", "Umum", "Dinas Pendidikan", "Alumni",
    "Pondok Pesantren Al-Hikmah", "SD Negeri Kauman",
];

#[rustfmt::skip]
const MEMBER_TYPES: &[&str] = &["Mahasiswa", "Dosen", "Tenaga Kependidikan", "Alumni", "Umum"];

#[rustfmt::skip]
const ROOMS: &[&str] = &["Ruang Baca", "Ruang Referensi", "Ruang Multimedia"];

#[rustfmt::skip]
const FORMS: &[&str] = &[
    "Pengantar", "Dasar-dasar", "Teori", "Metode Penelitian", "Manajemen", "Sejarah", "Filsafat", "Psikologi",
    "Panduan Praktis", "Ensiklopedia", "Analisis", "Sistem", "Hukum", "Etika", "Kumpulan Soal", "Atlas", "Statistika",
    "Strategi", "Praktikum", "Kamus",
];

#[rustfmt::skip]
const SUBJECTS: &[&str] = &[
    "Akuntansi", "Basis Data", "Pendidikan Islam", "Ekonomi Mikro", "Kewirausahaan", "Bahasa Indonesia", "Komunikasi",
    "Perpustakaan", "Pemrograman", "Kesehatan Masyarakat", "Pertanian Organik", "Jaringan Komputer", "Pancasila",
    "Sastra Nusantara", "Keperawatan", "Biologi Sel", "Kimia Organik", "Fisika Modern", "Aljabar Linear",
    "Arsitektur", "Perpajakan", "Tata Negara", "Perkembangan Anak", "Pariwisata", "Perikanan", "Teknik Sipil",
    "Mesin Listrik", "Media Sosial", "Lingkungan Hidup", "Kebudayaan Jawa",
];

#[rustfmt::skip]
const TAILS: &[&str] = &[
    "", "", "", " untuk Mahasiswa", " untuk SMA/MA", ": Konsep dan Aplikasi", " (Edisi Revisi)", ", Jilid 1",
    ", Jilid 2", " di Indonesia", " Abad XXI", ": Sebuah Pengantar", " Terapan", " dalam Perspektif Global",
];

/// A person's name. About one in fifty is Siti Aisyah.
pub fn person(rng: &mut ChaCha8Rng) -> Arc<str> {
    match rng.random_range(0..100) {
        0..2 => "Siti Aisyah".into(),
        2..5 => pick(rng, SINGLE).into(),
        5..6 => pick(rng, TITLED).into(),
        6..30 => format!(
            "{} {} {}",
            pick(rng, GIVEN),
            pick(rng, GIVEN),
            pick(rng, FAMILY)
        )
        .into(),
        _ => format!("{} {}", pick(rng, GIVEN), pick(rng, FAMILY)).into(),
    }
}

/// The institutions of members, made once and shared.
pub fn institutions() -> Vec<Arc<str>> {
    INSTITUTIONS.iter().map(|&name| name.into()).collect()
}

/// The institutions of guests, made once and shared.
pub fn places() -> Vec<Arc<str>> {
    PLACES.iter().map(|&name| name.into()).collect()
}

/// The types of members, with ids from 1.
pub fn member_types() -> Vec<MemberType> {
    let row = |(member_type_id, &name): (u32, &&str)| MemberType {
        member_type_id,
        member_type_name: name.into(),
    };
    (1..).zip(MEMBER_TYPES).map(row).collect()
}

/// The rooms, with the codes `R01`, `R02` and so on.
pub fn rooms() -> Vec<Room> {
    let row = |(id, &name): (u32, &&str)| Room {
        id,
        name: name.into(),
        unique_code: format!("R{id:02}").into(),
    };
    (1..).zip(ROOMS).map(row).collect()
}

/// The type of the member with that number: 70 % are students, and 5 % have no type.
pub fn member_type(number: usize) -> Option<u32> {
    match number % 20 {
        0..14 => Some(1),
        14..16 => Some(2),
        16 => Some(3),
        17 => Some(4),
        18 => Some(5),
        _ => None,
    }
}

/// A book's title.
pub fn title(rng: &mut ChaCha8Rng) -> Arc<str> {
    format!(
        "{} {}{}",
        pick(rng, FORMS),
        pick(rng, SUBJECTS),
        pick(rng, TAILS)
    )
    .into()
}

/// A member id in one of the formats of real libraries, unique for each `number`.
pub fn member_id(number: usize) -> Arc<str> {
    match number {
        // The 18 digits of a civil servant's number, too large for a float of JSON.
        0 => "198503122010121003".into(),
        n if n % 7 == 3 => format!("L2001{n:06}").into(),
        n if n % 11 == 5 => format!("mhs-{n:06}").into(),
        n => format!("00{n:06}").into(),
    }
}

/// One of a list of constants, none of which is empty.
fn pick(rng: &mut ChaCha8Rng, list: &'static [&'static str]) -> &'static str {
    list.choose(rng)
        .copied()
        .expect("the lists of names are not empty")
}
