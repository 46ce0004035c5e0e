// One connection for all tabs of a browser.
