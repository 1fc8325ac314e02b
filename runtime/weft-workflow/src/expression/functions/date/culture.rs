//! Names of months and days, patterns of dates and times, and the order of day and month.
//!
//! From the data that CLDR publishes, in the pattern letters of .NET. A language that is not here is
//! written in English.

#[derive(Debug, Clone, Copy)]
pub(super) struct Culture {
    pub(super) months: [&'static str; 12],
    pub(super) months_short: [&'static str; 12],
    /// From Sunday on.
    pub(super) days: [&'static str; 7],
    pub(super) days_short: [&'static str; 7],
    pub(super) patterns: Patterns,
    pub(super) month_first: bool,
    /// Stands for `/` in a pattern.
    pub(super) separator: char,
}

/// Without a time, with one, and parts of a date.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patterns {
    pub(super) short_date: &'static str,
    pub(super) long_date: &'static str,
    pub(super) short_time: &'static str,
    pub(super) long_time: &'static str,
    pub(super) month_day: &'static str,
    pub(super) year_month: &'static str,
}

/// As they stand in the table: names separated by blanks, patterns by bars.
struct Row {
    locale: &'static str,
    months: &'static str,
    months_short: &'static str,
    days: &'static str,
    days_short: &'static str,
    patterns: &'static str,
}

const ENGLISH: Row = Row {
    locale: "en",
    months: "January February March April May June July August September October November December",
    months_short: "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec",
    days: "Sunday Monday Tuesday Wednesday Thursday Friday Saturday",
    days_short: "Sun Mon Tue Wed Thu Fri Sat",
    patterns: "M/d/yyyy|dddd, MMMM d, yyyy|h:mm tt|h:mm:ss tt|MMMM d|MMMM yyyy",
};

/// English where the day comes first.
const DAY_FIRST: &str = "dd/MM/yyyy|dddd, d MMMM yyyy|HH:mm|HH:mm:ss|d MMMM|MMMM yyyy";

const OTHERS: [Row; 11] = [
    Row {
        locale: "da",
        months: "januar februar marts april maj juni juli august september oktober november december",
        months_short: "jan. feb. mar. apr. maj jun. jul. aug. sep. okt. nov. dec.",
        days: "søndag mandag tirsdag onsdag torsdag fredag lørdag",
        days_short: "søn. man. tirs. ons. tors. fre. lør.",
        patterns: "dd.MM.yyyy|dddd 'den' d. MMMM yyyy|HH.mm|HH.mm.ss|d. MMMM|MMMM yyyy",
    },
    Row {
        locale: "de",
        months: "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
        months_short: "Jan Feb Mär Apr Mai Jun Jul Aug Sep Okt Nov Dez",
        days: "Sonntag Montag Dienstag Mittwoch Donnerstag Freitag Samstag",
        days_short: "So Mo Di Mi Do Fr Sa",
        patterns: "dd.MM.yyyy|dddd, d. MMMM yyyy|HH:mm|HH:mm:ss|d. MMMM|MMMM yyyy",
    },
    Row {
        locale: "es",
        months: "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre",
        months_short: "ene feb mar abr may jun jul ago sept oct nov dic",
        days: "domingo lunes martes miércoles jueves viernes sábado",
        days_short: "dom lun mar mié jue vie sáb",
        patterns: "d/M/yyyy|dddd, d 'de' MMMM 'de' yyyy|H:mm|H:mm:ss|d 'de' MMMM|MMMM 'de' yyyy",
    },
    Row {
        locale: "fr",
        months: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre",
        months_short: "janv. févr. mars avr. mai juin juil. août sept. oct. nov. déc.",
        days: "dimanche lundi mardi mercredi jeudi vendredi samedi",
        days_short: "dim. lun. mar. mer. jeu. ven. sam.",
        patterns: "dd/MM/yyyy|dddd d MMMM yyyy|HH:mm|HH:mm:ss|d MMMM|MMMM yyyy",
    },
    Row {
        locale: "it",
        months: "gennaio febbraio marzo aprile maggio giugno luglio agosto settembre ottobre novembre dicembre",
        months_short: "gen feb mar apr mag giu lug ago set ott nov dic",
        days: "domenica lunedì martedì mercoledì giovedì venerdì sabato",
        days_short: "dom lun mar mer gio ven sab",
        patterns: "dd/MM/yyyy|dddd d MMMM yyyy|HH:mm|HH:mm:ss|d MMMM|MMMM yyyy",
    },
    Row {
        locale: "ja",
        months: "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
        months_short: "1月 2月 3月 4月 5月 6月 7月 8月 9月 10月 11月 12月",
        days: "日曜日 月曜日 火曜日 水曜日 木曜日 金曜日 土曜日",
        days_short: "日 月 火 水 木 金 土",
        patterns: "yyyy/MM/dd|yyyy年M月d日dddd|H:mm|H:mm:ss|M月d日|yyyy年M月",
    },
    Row {
        locale: "nb",
        months: "januar februar mars april mai juni juli august september oktober november desember",
        months_short: "jan. feb. mars apr. mai juni juli aug. sep. okt. nov. des.",
        days: "søndag mandag tirsdag onsdag torsdag fredag lørdag",
        days_short: "søn. man. tir. ons. tor. fre. lør.",
        patterns: "dd.MM.yyyy|dddd d. MMMM yyyy|HH:mm|HH:mm:ss|d. MMMM|MMMM yyyy",
    },
    Row {
        locale: "nl",
        months: "januari februari maart april mei juni juli augustus september oktober november december",
        months_short: "jan feb mrt apr mei jun jul aug sep okt nov dec",
        days: "zondag maandag dinsdag woensdag donderdag vrijdag zaterdag",
        days_short: "zo ma di wo do vr za",
        patterns: "dd-MM-yyyy|dddd d MMMM yyyy|HH:mm|HH:mm:ss|d MMMM|MMMM yyyy",
    },
    Row {
        locale: "pl",
        months: "stycznia lutego marca kwietnia maja czerwca lipca sierpnia września października listopada grudnia",
        months_short: "sty lut mar kwi maj cze lip sie wrz paź lis gru",
        days: "niedziela poniedziałek wtorek środa czwartek piątek sobota",
        days_short: "niedz. pon. wt. śr. czw. pt. sob.",
        patterns: "d.MM.yyyy|dddd, d MMMM yyyy|HH:mm|HH:mm:ss|d MMMM|MMMM yyyy",
    },
    Row {
        locale: "pt",
        months: "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
        months_short: "jan. fev. mar. abr. mai. jun. jul. ago. set. out. nov. dez.",
        days: "domingo segunda-feira terça-feira quarta-feira quinta-feira sexta-feira sábado",
        days_short: "dom. seg. ter. qua. qui. sex. sáb.",
        patterns: "dd/MM/yyyy|dddd, d 'de' MMMM 'de' yyyy|HH:mm|HH:mm:ss|d 'de' MMMM|MMMM 'de' yyyy",
    },
    Row {
        locale: "sv",
        months: "januari februari mars april maj juni juli augusti september oktober november december",
        months_short: "jan. feb. mars apr. maj juni juli aug. sep. okt. nov. dec.",
        days: "söndag måndag tisdag onsdag torsdag fredag lördag",
        days_short: "sön mån tis ons tors fre lör",
        patterns: "yyyy-MM-dd|dddd d MMMM yyyy|HH:mm|HH:mm:ss|d MMMM|MMMM yyyy",
    },
];

impl Culture {
    /// By the language of a locale; those that are not known here are English.
    pub(super) fn of(locale: &str) -> Self {
        const US: [&str; 4] = ["en", "en-us", "en-ph", ""];
        let lower = locale.to_ascii_lowercase();
        let language = match lower.split('-').next().unwrap_or_default() {
            "no" | "nn" => "nb",
            language => language,
        };
        match OTHERS.iter().find(|row| row.locale == language) {
            Some(row) => Self::of_row(row, row.patterns),
            None if language == "en" && !US.contains(&&*lower) => Self::of_row(&ENGLISH, DAY_FIRST),
            None => Self::english(),
        }
    }

    /// What formats mean that are the same everywhere.
    pub(super) fn english() -> Self {
        Self::of_row(&ENGLISH, ENGLISH.patterns)
    }

    fn of_row(row: &'static Row, patterns: &'static str) -> Self {
        let mut patterns = patterns.split('|');
        let mut next = || patterns.next().unwrap_or_default();
        let patterns = Patterns {
            short_date: next(),
            long_date: next(),
            short_time: next(),
            long_time: next(),
            month_day: next(),
            year_month: next(),
        };
        let separator = patterns.short_date.chars().find(|c| !c.is_alphabetic());
        Self {
            months: names(row.months),
            months_short: names(row.months_short),
            days: names(row.days),
            days_short: names(row.days_short),
            patterns,
            month_first: patterns.short_date.starts_with('M'),
            separator: separator.unwrap_or('/'),
        }
    }
}

fn names<const N: usize>(text: &'static str) -> [&'static str; N] {
    let mut names = text.split(' ');
    std::array::from_fn(|_| names.next().unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_complete() {
        for row in OTHERS.iter().chain([&ENGLISH]) {
            let culture = Culture::of_row(row, row.patterns);
            let names = culture.months.iter().chain(&culture.months_short);
            let names = names.chain(&culture.days).chain(&culture.days_short);
            assert!(
                names.into_iter().all(|name| !name.is_empty()),
                "{}",
                row.locale
            );
            assert!(!culture.patterns.year_month.is_empty(), "{}", row.locale);
        }
    }
}
