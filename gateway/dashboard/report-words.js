// The words of the report alone.

export const REPORT_WORDS = {
  id: {
    reportTitle: "Laporan perpustakaan", lastMonths: "12 bulan terakhir yang lengkap", covers: "Masa laporan", made: "Data per",
    byMonth: "Kunjungan dan peminjaman per bulan", sum: "Jumlah", average: "Rata-rata per bulan", averageDay: "Rata-rata per hari buka",
    openDays: "Hari buka", byType: "Kunjungan menurut jenis anggota", uniqueOf: "orang berbeda", what: "Uraian", amount: "Banyaknya",
    eachMonth: "Bulan", place: "Tempat, tanggal", signature: "Kepala perpustakaan", npp: "NPP",
    defVisits: "Satu kunjungan adalah satu baris buku tamu, tamu termasuk. Hari buka adalah hari dengan sedikitnya satu kunjungan.",
    defLoans: "Satu peminjaman adalah satu eksemplar yang dipinjamkan; perpanjangan tidak dihitung lagi.",
    defUnique: "Orang berbeda dihitung sekali sebulan menurut nomor anggota; tamu tidak termasuk. Tersedia untuk 12 bulan terakhir.",
    defMembers: "Anggota aktif adalah yang masa berlakunya belum lewat.",
    defCollection: "Penambahan dihitung menurut tanggal pencatatan judul dan eksemplar.",
    defUsage: "12 bulan sampai hari data ini. Belum pernah dipinjam: judul bereksemplar tanpa satu pun peminjaman.",
    defTypes: "Jenis menurut data anggota sekarang.",
  },
  en: {
    reportTitle: "Library report", lastMonths: "last 12 complete months", covers: "Period", made: "Data as of",
    byMonth: "Visits and loans by month", sum: "Sum", average: "Average per month", averageDay: "Average per open day",
    openDays: "Open days", byType: "Visits by member type", uniqueOf: "unique people", what: "Item", amount: "Number",
    eachMonth: "Month", place: "Place, date", signature: "Head of the library", npp: "NPP",
    defVisits: "A visit is a row of the visitors’ book, guests included. An open day is a day with at least one visit.",
    defLoans: "A loan is a copy lent once; renewals are not counted again.",
    defUnique: "Unique people are counted once a month by their member number, without guests. Known for the last 12 months.",
    defMembers: "An active member’s membership has not expired.",
    defCollection: "Additions are counted by the date on which a title or a copy was entered.",
    defUsage: "The 12 months until the day of these data. Never lent: titles with copies that have no loan at all.",
    defTypes: "Types as the members’ data have them now.",
  },
};
