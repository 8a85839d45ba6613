// The only way to the service. Plain fetch, because PVE counts refused Ext.Ajax calls and logs the user out after a few.
Ext.define('PRS.Api', {
    singleton: true,

    // PVE itself waits 30 seconds for another node before it answers.
    timeout: 45000,

    // Whether the service has no port of its own ([web] port: 0), so that only the way through PVE's port is left.
    closed: function () {
        return PRS.backend === 'none';
    },

    origin: function () {
        if (PRS.standalone || this.closed()) {
            return window.location.origin;
        }
        return PRS.backend.startsWith(':')
            ? `https://${window.location.hostname}${PRS.backend}`
            : PRS.backend.replace(/\/+$/, '');
    },

    // Read for each call: PVE renews the ticket while the page is open.
    session: function () {
        if (PRS.session) {
            return PRS.session;
        }
        let setup = (window.Proxmox && Proxmox.Setup) || {};
        return {
            ticket: Ext.util.Cookies.get(setup.auth_cookie_name || 'PVEAuthCookie'),
            csrf: window.Proxmox && Proxmox.CSRFPreventionToken,
        };
    },

    failure: function (kind, message, more) {
        return Object.assign(new Error(message), { kind: kind, details: [] }, more);
    },

    // How often a call that the service put off (HTTP 429) is made again.
    patience: 3,

    // What takes longer than a call waits is asked for again, for so many milliseconds.
    longest: 600000,

    // Gives {data, etag}, data undefined when nothing changed since `etag`. Throws an Error with `kind`: session, unreachable,
    // refused (the service or PVE said no) or garbage.
    call: async function (method, path, body, etag) {
        let me = this;
        let end = Date.now() + me.longest;
        let found = await me.patiently(method, path, body, etag);
        let again = method === 'GET';
        while (found.later) {
            if (Date.now() > end) {
                throw me.failure('unreachable', gettext('The service does not answer.'));
            }
            try {
                found = await me.patiently('GET', `/answers/${encodeURIComponent(found.later)}`);
            } catch (err) {
                // The number belongs to a ticket that has been renewed meanwhile, or to a service that has been restarted.
                if (err.status !== 404 || !again) {
                    throw err;
                }
                again = false;
                found = await me.patiently(method, path, body, etag);
            }
        }
        return found;
    },

    patiently: async function (method, path, body, etag) {
        for (let tries = 1; ; tries++) {
            try {
                return await this.once(method, path, body, etag);
            } catch (err) {
                if (err.status !== 429 || tries > this.patience) {
                    throw err;
                }
                await new Promise((resolve) => setTimeout(resolve, 1000 * Math.min(err.after, 5)));
            }
        }
    },

    once: async function (method, path, body, etag) {
        let me = this;
        let abort = new AbortController();
        let timer = setTimeout(() => abort.abort(), me.timeout);
        try {
            let given = { ...me.session(), body: body, etag: etag, signal: abort.signal };
            let response =
                ((await PRS.Bridge.open()) && (await PRS.Bridge.send(method, path, given))) ||
                (await me.direct(method, path, given));
            return await me.read(response);
        } catch (err) {
            if (err.kind) {
                throw err;
            }
            let slow = err.name === 'AbortError';
            let words = slow ? gettext('The service does not answer.') : gettext('No connection.');
            throw me.failure('unreachable', words);
        } finally {
            clearTimeout(timer);
        }
    },

    // The service's own port.
    direct: async function (method, path, { ticket, csrf, body, etag, signal }) {
        if (this.closed()) {
            PRS.Bridge.forget();
            throw this.failure('unreachable', gettext('No connection.'));
        }
        let headers = { Accept: 'application/json' };
        if (ticket) {
            headers.Authorization = `PVEAuthCookie=${encodeURIComponent(ticket)}`;
        }
        if (method !== 'GET') {
            headers.CSRFPreventionToken = csrf || '';
            headers['Content-Type'] = 'application/json';
        }
        if (etag) {
            headers['If-None-Match'] = etag;
        }
        try {
            return await fetch(`${this.origin()}/api/v1${path}`, {
                method: method,
                headers: headers,
                body: method === 'GET' ? undefined : JSON.stringify(body || {}),
                mode: 'cors',
                credentials: 'omit',
                cache: 'no-store',
                redirect: 'error',
                referrerPolicy: 'no-referrer',
                signal: signal,
            });
        } catch (err) {
            PRS.Bridge.forget();
            throw err;
        }
    },

    read: async function (response) {
        let me = this;
        if (response.status === 304) {
            return { etag: response.headers.get('ETag') };
        }
        let answer;
        try {
            answer = JSON.parse(await response.text());
        } catch (err) {
            if (err.name === 'AbortError') {
                throw err;
            }
        }
        if (response.status === 202 && answer && answer.data && answer.data.later) {
            return { later: answer.data.later };
        }
        if (answer && answer.said) {
            PRS.Said.localize(answer);
        }
        if (response.ok && answer && answer.data !== undefined && answer.data !== null) {
            return { data: answer.data, etag: response.headers.get('ETag') };
        }
        let told = answer && answer.error;
        if (response.status === 401) {
            throw me.failure(
                'session',
                (told && told.message) || gettext('The session has expired.'),
            );
        }
        if (told && typeof told.message === 'string') {
            let details = Array.isArray(told.details) ? told.details : [];
            let after = Number(response.headers.get('Retry-After')) || 3;
            let more = { code: told.code, status: response.status, details: details, after: after };
            throw me.failure('refused', told.message, more);
        }
        let words = gettext('The service gave an answer that makes no sense (HTTP {0}).');
        throw me.failure('garbage', Ext.String.format(words, response.status));
    },

    get: async function (path) {
        return (await this.call('GET', path)).data;
    },

    post: async function (path, body) {
        return (await this.call('POST', path, body)).data;
    },

    // An error as HTML for a dialog or a notice.
    words: function (err) {
        let lines = [err.message || String(err), ...(err.details || []).slice(0, 8)];
        return lines.map((line) => PRS.Format.esc(line)).join('<br>');
    },

    // For what a person asked for; errors of background polls go to the notices instead.
    alert: function (err) {
        if (!err.kind) {
            PRS.complain('panel', err);
        }
        Ext.Msg.alert(gettext('Error'), PRS.Api.words(err));
    },
});
