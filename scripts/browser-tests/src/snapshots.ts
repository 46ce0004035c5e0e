// The snapshots that the tests store. Every value occurs once, so that a page that mixes up two of them fails.

/** The library's day. It differs from the machine's, so that a page that reads its own clock fails. */
export const TODAY = "2025-09-23";
export const TOMORROW = "2025-09-24";
/** The contract's default. */
export const TTL_SECONDS = 90_000;

const MONTHS = [21_405, 23_118, 19_642, 8_077, 22_930, 25_561, 24_012, 26_784, 18_309, 9_456, 27_023, 20_198];
/** Rank and total: two share the second place. */
const RANKS = [[1, 90], [2, 71], [2, 71], [4, 66], [5, 52], [6, 41], [7, 33], [8, 27], [9, 14], [10, 5]] as const;

interface Row {
  rank: number;
  total: number;
  [field: string]: string | number | null;
}

/** Ten rows, with a letter and a hundred of their own; the name in the sixth row and the institution in the third are missing. */
function ranking(letter: string, hundred: number, columns: (row: number, text: (word: string) => string | null) => object): Row[] {
  return RANKS.map(([rank, total], index) => {
    const row = index + 1;
    const text = (word: string) => (row === 6 ? null : `${word} ${row} ${letter}`);
    return { rank, ...columns(row, text), total: 1_000 + 100 * hundred + total };
  });
}

const visitors = (letter: string, hundred: number) => ranking(letter, hundred, (row, text) => ({
  member_id: `000${row}`, member_name: text("Pengunjung"), institution: row === 3 ? null : `Fakultas ${row}`,
}));
const titles = (letter: string, hundred: number) => ranking(letter, hundred, (row, text) => ({ biblio_id: row, title: text("Judul") }));
const borrowers = (letter: string, hundred: number) => ranking(letter, hundred, (row, text) => ({
  member_id: `000${row}`, member_name: text("Peminjam"),
}));

/** `data` by Redis key, without the prefix. */
export const SERIES = {
  "visitors:weekly": [1_204, 987, 0, 1_311, 1_275, 640, 312].map((total, day) => ({ date: `2025-09-${17 + day}`, total, partial: day === 6 })),
  "visitors:monthly": MONTHS.map((total, index) => ({
    month: index < 3 ? `2024-${10 + index}` : `2025-0${index - 2}`, total, partial: index === 11,
  })),
  "visitors:yearly": [140_233, 98_761, 201_547, 263_908, 233_415].map((total, index) => ({ year: 2021 + index, total, partial: index === 4 })),
};
export const RANKINGS: Record<string, Row[]> = {
  "visitors:monthly:top": visitors("A", 1),
  "visitors:yearly:top": visitors("B", 2),
  "books:top-borrowed": titles("C", 3),
  "books:top-borrowed:month": titles("D", 4),
  "books:top-borrowed:year": titles("E", 5),
  "books:top-borrowers:month": borrowers("F", 6),
  "books:top-borrowers:year": borrowers("G", 7),
};
const LAST_YEAR = "2024-09-23";
/** Each day from 1 January 2021 to today: Sundays are closed. Its days add up to nothing else here. */
const daily = (perDay: number) => {
  const rows = [];
  for (let time = Date.UTC(2021, 0, 1); time <= Date.parse(TODAY); time += 86_400_000) {
    const date = new Date(time).toISOString().slice(0, 10);
    const isSunday = new Date(time).getUTCDay() === 0;
    rows.push({ date, total: isSunday ? 0 : date === LAST_YEAR ? 2 * perDay : perDay, partial: date === TODAY });
  }
  return rows;
};
const months = SERIES["visitors:monthly"].map(({ month, partial }) => ({ month, partial }));

/** 8 to 16 on weekdays, the most at 10; a quarter and three quarters of the days lie 20 % below and above. */
export const HOURS = [1, 2, 3, 4, 5, 6, 7].flatMap((weekday) => Array.from({ length: 24 }, (_, hour) => {
  const open_days = weekday === 7 ? 0 : 8;
  const visits = (at: number) => (open_days === 0 || at < 8 || at > 15 ? 0 : at === 10 ? 200 : at === 15 ? 30 : 100);
  let median = 0;
  for (let at = 0; at <= hour; at += 1) median += visits(at);
  const quartile = (factor: number) => (open_days < 4 ? null : Math.round(median * factor));
  return { weekday, hour, open_days, total: visits(hour) * open_days,
    cumulative_p25: quartile(0.8), cumulative_p50: quartile(1), cumulative_p75: quartile(1.2) };
}));

const TYPES = [["member", "Mahasiswa"], ["member", "Dosen"], ["unknown", null], ["guest", null]] as const;
const institutions = (most: number) => [
  ...["Fakultas Hukum", "Fakultas Teknik"].map((institution, row) => ({ kind: "named", institution, visits: most - row, unique_members: 40 })),
  { kind: "other", institution: null, visits: 0, unique_members: 0 }, { kind: "none", institution: null, visits: 7, unique_members: 3 },
];
const rooms = (most: number) => [{ room: "A", name: "Ruang Baca", visits: most }, { room: null, name: null, visits: 2 }];

export const SNAPSHOTS: Record<string, unknown> = {
  ...SERIES, ...RANKINGS,
  "visitors:daily": daily(900),
  "visitors:hours": HOURS,
  "visitors:monthly:types": months.flatMap(({ month, partial }, at) => TYPES.map(([kind, member_type], row) => ({
    month, kind, member_type, visits: 5_000 + 100 * at + row, unique_members: kind === "guest" ? null : 300 + 10 * at + row, partial,
  }))),
  "visitors:institutions:month": institutions(811), "visitors:institutions:year": institutions(8_111),
  "visitors:rooms:month": rooms(822), "visitors:rooms:year": rooms(8_222),
  "books:collection": { total_titles: 91_234, total_items: 183_127 },
  "books:loans:weekly": SERIES["visitors:weekly"].map(({ date, partial }, day) => ({ date, total: 201 + day, partial })),
  "books:loans:monthly": months.map(({ month, partial }, at) => ({ month, total: 4_001 + at, unique_borrowers: 1_501 + at, partial })),
  "books:loans:yearly": SERIES["visitors:yearly"].map(({ year, partial }, at) => ({ year, total: 40_001 + at, partial })),
  "books:loans:daily": daily(150),
  "books:circulation": { on_loan: 6_401, overdue: 402, due_today: 43, lent_today: 207, returned_today: 95 },
  "books:classes": [..."0123456789", null].map((main, at) => ({ class: main, titles: 8_001 + at, items: 16_001 + at, loans_year: 3_001 + at })),
  "books:growth:monthly": months.map(({ month, partial }, at) => ({ month, titles: 101 + at, items: 301 + at, partial })),
  "books:growth:yearly": SERIES["visitors:yearly"].map(({ year, partial }, at) => ({ year, titles: 1_201 + at, items: 2_401 + at, partial })),
  "books:new": Array.from({ length: 10 }, (_, at) => ({ biblio_id: 900 - at, title: `Judul baru ${at + 1}`, added: `2025-09-${20 - at}` })),
  "books:usage": { titles: 91_234, titles_with_items: 90_000, items: 180_000, titles_lent_12_months: 20_003, titles_never_lent: 45_000, loans_12_months: 54_000 },
  "members:counts": { total: 31_111, active: 20_222, expired: 10_333, pending: 556, new_this_month: 77, new_this_year: 4_888 },
  "members:new:monthly": months.map(({ month, partial }, at) => ({ month, total: 401 + at, partial })),
  "members:types": [["Mahasiswa", 25_001, 15_002], ["Dosen", 3_003, 2_004], [null, 5, 1]].map(([member_type, total, active]) => ({ member_type, total, active })),
};

/** Today's number as the dashboard writes it: thousands apart by a narrow space. */
export const headline = (total: number): string => `${total}`.replace(/\B(?=(\d{3})+$)/g, "\u202f");

/** The visits of each month of `visitors:daily`. */
export function visitsByMonth(): Map<string, number> {
  const months = new Map<string, number>();
  for (const { date, total } of SNAPSHOTS["visitors:daily"] as { date: string; total: number }[]) {
    months.set(date.slice(0, 7), (months.get(date.slice(0, 7)) ?? 0) + total);
  }
  return months;
}

export const isAboutPeople = (key: string): boolean => key.includes("top-borrowers") || (key.startsWith("visitors") && key.endsWith("top"));

/** The month or the year that a snapshot covers. */
export function periodOf(key: string): string | undefined {
  if (key.includes("growth")) return undefined;
  if (/:month$|monthly:top$/.test(key)) return "2025-09";
  return /:year$|yearly:top$/.test(key) ? "2025" : undefined;
}
