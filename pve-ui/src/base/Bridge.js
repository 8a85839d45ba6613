// The way through PVE's own port, where the bridge package is installed: pveproxy passes each call on to the service and streams its
// answer, always as HTTP 200, so that the service's own status comes inside of it.
Ext.define('PRS.Bridge', {
    singleton: true,

    // For so many milliseconds after a reload old workers of pveproxy still know no such path.
    reload: 12000,
    // A bridge that was not there is looked for again after so many milliseconds.
    again: 60000,

    // A promise of whether there is a bridge: one question for all calls.
    open: function () {
        let me = this;
        if (!me.asked || Date.now() > me.until) {
            me.asked = PRS.standalone ? Promise.resolve(false) : me.answers();
            me.until = Infinity;
            me.asked.then((found) => {
                if (!found) {
                    me.until = Date.now() + me.again;
                }
            });
        }
        return me.asked;
    },

    // The next call looks again; for the one way the other has failed.
    forget: function () {
        this.asked = undefined;
    },

    // Whether there is one; with the service's own port closed there should be, so that an old worker's answer is not the last word.
    answers: async function () {
        try {
            let response = await this.patiently(PRS.Api.closed() ? this.reload : 0, () =>
                fetch('/api2/json/prs/healthz', { credentials: 'same-origin', cache: 'no-store' }),
            );
            return response.ok;
        } catch {
            return false;
        }
    },

    // What `ask` gives, asked again while old workers of pveproxy answer, for so many milliseconds.
    patiently: async function (milliseconds, ask) {
        let end = Date.now() + milliseconds;
        for (;;) {
            let response = await ask();
            if (response.status !== 501 || Date.now() >= end) {
                return response;
            }
            await new Promise((resolve) => setTimeout(resolve, 500));
        }
    },

    // Gives the service's answer as a Response, undefined when this way does not lead to it.
    send: async function (method, path, { csrf, body, etag, signal }) {
        let me = this;
        let ask = () => me.once(method, path, { csrf, body, etag, signal });
        let response = await me.patiently(me.reload, ask);
        if (response.status === 501) {
            me.forget();
            return undefined;
        }
        return me.unwrap(response);
    },

    once: function (method, path, { csrf, body, etag, signal }) {
        let [place, query] = path.split('?');
        let params = new URLSearchParams(query ? { query: query } : {});
        let get = method === 'GET';
        if (get && etag) {
            params.set('etag', etag);
        }
        if (!get) {
            params.set('body', JSON.stringify(body || {}));
        }
        return fetch(`/api2/json/prs${place}${get ? `?${params}` : ''}`, {
            method: method,
            headers: get ? {} : { CSRFPreventionToken: csrf || '' },
            body: get ? undefined : params,
            credentials: 'same-origin',
            cache: 'no-store',
            redirect: 'error',
            signal: signal,
        });
    },

    unwrap: async function (response) {
        let told = await response.text();
        if (response.status === 503) {
            // Nobody behind the socket took the call.
            this.forget();
            return undefined;
        }
        let answer;
        try {
            answer = JSON.parse(told);
        } catch {
            return new Response(told, { status: response.ok ? 502 : response.status });
        }
        if (!response.ok) {
            // PVE's own refusal, before the service was asked.
            let details = Object.entries(answer.errors || {}).map(
                ([name, text]) => `${name}: ${text}`,
            );
            let error = { code: 'pve', message: answer.message || response.statusText, details };
            return new Response(JSON.stringify({ error }), { status: response.status });
        }
        let { status, headers, answer: found } = (answer && answer.data) || {};
        if (!status) {
            return new Response(told, { status: 502 });
        }
        return new Response(status === 304 ? null : JSON.stringify(found), { status, headers });
    },
});
