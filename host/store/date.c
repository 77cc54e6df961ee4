/* SPDX-License-Identifier: Apache-2.0 */
#include "host/store/date.h"

#include <stdio.h>

#define MS_PER_SECOND INT64_C(1000)
#define MS_PER_MINUTE (60 * MS_PER_SECOND)
#define MS_PER_HOUR (60 * MS_PER_MINUTE)
#define MS_PER_DAY (24 * MS_PER_HOUR)
/* What an expression adds at most; the years 0 to 9999 stay within reach. */
#define COUNT_MAX INT64_C(1000000000)

/* A time of the Gregorian calendar, in UTC. */
struct calendar {
    int64_t year;
    int64_t month; /* from 1 */
    int64_t day;   /* from 1 */
    int64_t ms;    /* of the day */
};

/* Days since 1970-01-01; the year begins in March, so that the leap day is its last. */
static int64_t days_of(int64_t year, int64_t month, int64_t day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static struct calendar calendar_of(int64_t time) {
    int64_t days = time / MS_PER_DAY - (time % MS_PER_DAY < 0);
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t m = (5 * day_of_year + 2) / 153;
    int64_t month = m < 10 ? m + 3 : m - 9;
    return (struct calendar){.year = year_of_era + era * 400 + (month <= 2),
                             .month = month,
                             .day = day_of_year - (153 * m + 2) / 5 + 1,
                             .ms = time - days * MS_PER_DAY};
}

static int64_t month_days(int64_t year, int64_t month) {
    return (month == 12 ? days_of(year + 1, 1, 1) : days_of(year, month + 1, 1)) -
           days_of(year, month, 1);
}

/* A month that is too short for the day ends at its last. */
static int64_t add_months(int64_t time, int64_t months) {
    struct calendar c = calendar_of(time);
    int64_t all = c.year * 12 + c.month - 1 + months;
    int64_t year = all / 12 - (all % 12 < 0);
    int64_t month = all - year * 12 + 1;
    int64_t last = month_days(year, month);
    return days_of(year, month, c.day < last ? c.day : last) * MS_PER_DAY + c.ms;
}

static const struct {
    char unit;
    int64_t months;
    int64_t ms;
} units[] = {
    {'y', 12, 0},          {'M', 1, 0},           {'w', 0, 7 * MS_PER_DAY}, {'d', 0, MS_PER_DAY},
    {'h', 0, MS_PER_HOUR}, {'H', 0, MS_PER_HOUR}, {'m', 0, MS_PER_MINUTE},  {'s', 0, MS_PER_SECOND},
};

/* The first millisecond of the unit that the time is in. */
static int64_t floor_to(int64_t time, size_t unit) {
    struct calendar c = calendar_of(time);
    if (units[unit].months) {
        return days_of(c.year, units[unit].months == 12 ? 1 : c.month, 1) * MS_PER_DAY;
    }
    /* 1970 began on a Thursday, weeks begin on Monday. */
    int64_t shift = units[unit].unit == 'w' ? 3 * MS_PER_DAY : 0;
    int64_t rest = (time + shift) % units[unit].ms;
    return time - (rest < 0 ? rest + units[unit].ms : rest);
}

static int64_t add_units(int64_t time, size_t unit, int64_t count) {
    return units[unit].months ? add_months(time, count * units[unit].months)
                              : time + count * units[unit].ms;
}

/* "+7d", "-1M/d" and so on. */
static bool apply_math(struct berth_str math, bool up, int64_t *time) {
    while (math.len) {
        char sign = math.ptr[0];
        math = base_str_from(math, 1);
        int64_t count = 0;
        bool digits = false;
        while (math.len && math.ptr[0] >= '0' && math.ptr[0] <= '9' && count < COUNT_MAX / 10) {
            count = count * 10 + (math.ptr[0] - '0');
            math = base_str_from(math, 1);
            digits = true;
        }
        size_t unit = 0;
        while (unit < BASE_COUNT(units) && math.len && units[unit].unit != math.ptr[0]) {
            unit++;
        }
        if (math.len == 0 || unit == BASE_COUNT(units) || !strchr("+-/", sign) || !sign ||
            (sign == '/' && digits)) {
            return false;
        }
        math = base_str_from(math, 1);
        if (sign == '/') {
            *time = floor_to(*time, unit);
            *time = up ? add_units(*time, unit, 1) - 1 : *time;
        } else {
            count = digits ? count : 1;
            bool far = (units[unit].months && count > 120000) || *time > INT64_C(1) << 52 ||
                       *time < -(INT64_C(1) << 52);
            if (far) {
                return false;
            }
            *time = add_units(*time, unit, sign == '-' ? -count : count);
        }
    }
    return true;
}

/* Takes exactly this many digits. */
static bool take_digits(struct berth_str *text, size_t count, int64_t *out) {
    int64_t value = 0;
    if (text->len < count) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (text->ptr[i] < '0' || text->ptr[i] > '9') {
            return false;
        }
        value = value * 10 + (text->ptr[i] - '0');
    }
    *text = base_str_from(*text, count);
    *out = value;
    return true;
}

static bool take(struct berth_str *text, char c) {
    if (text->len == 0 || text->ptr[0] != c) {
        return false;
    }
    *text = base_str_from(*text, 1);
    return true;
}

/* ".5", ".123", ".123456789": milliseconds. */
static bool take_fraction(struct berth_str *text, int64_t *out) {
    int64_t scale = 100;
    size_t digits = 0;
    *out = 0;
    for (; text->len && text->ptr[0] >= '0' && text->ptr[0] <= '9'; digits++) {
        *out += (text->ptr[0] - '0') * scale;
        scale /= 10;
        *text = base_str_from(*text, 1);
    }
    return digits > 0 && digits <= 9;
}

/* What follows the time: nothing, Z, +02:00, +0200, +02. */
static bool take_offset(struct berth_str *text, int64_t *out) {
    int64_t hours = 0;
    int64_t minutes = 0;
    *out = 0;
    if (text->len == 0 || take(text, 'Z')) {
        return text->len == 0;
    }
    bool minus = text->ptr[0] == '-';
    if ((!take(text, '+') && !take(text, '-')) || !take_digits(text, 2, &hours)) {
        return false;
    }
    (void)take(text, ':');
    if (text->len && !take_digits(text, 2, &minutes)) {
        return false;
    }
    *out = (hours * MS_PER_HOUR + minutes * MS_PER_MINUTE) * (minus ? -1 : 1);
    return text->len == 0 && hours <= 18 && minutes < 60;
}

/* The part behind the T. unit is set to the number of ms that the text leaves open. */
static bool parse_time(struct berth_str text, int64_t *out_ms, int64_t *out_open) {
    int64_t part[4] = {0};
    int64_t offset = 0;
    *out_open = MS_PER_HOUR;
    bool ok = take_digits(&text, 2, &part[0]);
    if (ok && take(&text, ':')) {
        ok = take_digits(&text, 2, &part[1]);
        *out_open = MS_PER_MINUTE;
        if (ok && take(&text, ':')) {
            ok = take_digits(&text, 2, &part[2]);
            *out_open = MS_PER_SECOND;
            if (ok && (take(&text, '.') || take(&text, ','))) {
                ok = take_fraction(&text, &part[3]);
                *out_open = 1;
            }
        }
    }
    ok = ok && take_offset(&text, &offset) && part[0] < 24 && part[1] < 60 && part[2] < 60;
    *out_ms = part[0] * MS_PER_HOUR + part[1] * MS_PER_MINUTE + part[2] * MS_PER_SECOND + part[3] -
              offset;
    return ok;
}

static bool parse_iso(struct berth_str text, bool up, int64_t *out_time) {
    struct calendar c = {.month = 1, .day = 1};
    int64_t open = 0;
    int64_t months = 12;
    if (!take_digits(&text, 4, &c.year)) {
        return false;
    }
    bool ok = true;
    if (take(&text, '-')) {
        ok = take_digits(&text, 2, &c.month);
        months = 1;
        if (ok && take(&text, '-')) {
            ok = take_digits(&text, 2, &c.day);
            months = 0;
            open = MS_PER_DAY;
            if (ok && (take(&text, 'T') || take(&text, ' '))) {
                ok = parse_time(text, &c.ms, &open);
                text.len = 0;
            }
        }
    }
    if (!ok || text.len || c.month < 1 || c.month > 12 || c.day < 1 ||
        c.day > month_days(c.year, c.month)) {
        return false;
    }
    int64_t time = days_of(c.year, c.month, c.day) * MS_PER_DAY + c.ms;
    *out_time = !up ? time : (months ? add_months(time, months) : time + open) - 1;
    return true;
}

bool date_parse(struct berth_str text, int64_t now, bool up, int64_t *out_time) {
    int64_t time = 0;
    double number = 0;
    if (base_str_starts(text, BERTH_STR("now"))) {
        time = now;
        if (!apply_math(base_str_from(text, 3), up, &time)) {
            return false;
        }
    } else {
        uint64_t end = 0;
        while (end < text.len && !base_str_starts(base_str_from(text, end), BERTH_STR("||"))) {
            end++;
        }
        struct berth_str base = base_str_slice(text, 0, end);
        /* Exact in a double; 4 digits are a number of milliseconds too, as the mapping says. */
        bool is_number = base_str_f64(base, &number) && number > -9e15 && number < 9e15;
        time = is_number ? (int64_t)number : 0;
        bool rounds = up && end == text.len;
        if ((!is_number && !parse_iso(base, rounds, &time)) ||
            !apply_math(base_str_from(text, end + 2), up, &time)) {
            return false;
        }
    }
    *out_time = time;
    return true;
}

void date_format(int64_t time, char *out) {
    struct calendar c = calendar_of(time);
    (void)snprintf(out, DATE_TEXT_MAX, "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%03lldZ",
                   (long long)c.year, (long long)c.month, (long long)c.day,
                   (long long)(c.ms / MS_PER_HOUR), (long long)(c.ms / MS_PER_MINUTE % 60),
                   (long long)(c.ms / MS_PER_SECOND % 60), (long long)(c.ms % MS_PER_SECOND));
}
