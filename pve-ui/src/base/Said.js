// The service's own sentences in the language of the page. They come in English, with the code of each beside them; one that cannot
// be worded as a whole stays English.
Ext.define('PRS.Said', {
    singleton: true,

    // What of an answer is a sentence; names and the like are left as they are.
    fields: new Set([
        'reason',
        'words',
        'mistakes',
        'summary',
        'message',
        'sentence',
        'problem',
        'lacking',
        'warnings',
        'problems',
        'details',
        'waiting',
        'result',
        'outcome',
        'withdrawn',
    ]),

    // `answer` has `said`, the codes by their English sentences; its sentences are replaced.
    localize: function (answer) {
        let words = new Map();
        Object.entries(answer.said).forEach(([text, code]) => {
            let found = this.word(code);
            if (found !== undefined) {
                words.set(text, found);
            }
        });
        if (words.size) {
            this.replace(answer.data || answer.error, words);
        }
    },

    replace: function (value, words) {
        Object.entries(value || {}).forEach(([name, item]) => {
            if (item && typeof item === 'object') {
                this.replace(item, words);
                if (Array.isArray(item) && this.fields.has(name)) {
                    item.forEach((text, index) => (item[index] = this.known(text, words)));
                }
            } else if (this.fields.has(name)) {
                value[name] = this.known(item, words);
            }
        });
    },

    known: (text, words) => (words.has(text) ? words.get(text) : text),

    // Gives undefined when a part of it has no translation.
    word: function (code) {
        let me = this;
        let end = code.end || '';
        if (code.all) {
            let parts = code.all.map((part) => me.word(part));
            if (parts.includes(undefined)) {
                return undefined;
            }
            let between = [' and ', ' or '].includes(code.by) ? ', ' : code.by;
            let inside = (part, index) => (index && code.by !== '. ' ? me.inside(part) : part);
            return parts.map(inside).join(between) + end;
        }
        let template = PRS.translation(code.code);
        if (template === undefined) {
            return undefined;
        }
        let values = Object.entries(code.with).map(([name, value]) => [name, me.value(value)]);
        if (values.some(([name, value]) => value === undefined)) {
            return undefined;
        }
        let given = new Map(values);
        return template.replace(/\{(\w+)\}/g, (place, name) => given.get(name)) + end;
    },

    // A sentence behind the first one of a line: it begins small, unless with a word that is large everywhere.
    inside: function (text) {
        let small = gettext('the a no not nothing it if this somebody').split(' ');
        let [first] = /^\p{L}*/u.exec(text);
        return small.includes(first.toLowerCase())
            ? first.toLowerCase() + text.slice(first.length)
            : text;
    },

    value: function (value) {
        if (Array.isArray(value)) {
            let parts = value.map((part) => this.value(part));
            return parts.includes(undefined) ? undefined : parts.join(', ');
        }
        return typeof value === 'string' ? value : this.word(value);
    },
});
