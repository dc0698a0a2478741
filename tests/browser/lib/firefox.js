// Firefox over WebDriver BiDi, with its own fake devices.
import puppeteer from 'puppeteer-core';
import { installProbe } from './probe.js';
import { until } from './wait.js';

export function launchFirefox(preferences = {}) {
  return puppeteer.launch({
    browser: 'firefox',
    protocol: 'webDriverBiDi',
    executablePath: process.env.FIREFOX ?? '/usr/bin/firefox-esr',
    headless: true,
    extraPrefsFirefox: {
      'media.navigator.permission.disabled': true,
      'media.navigator.streams.fake': true,
      'media.peerconnection.ice.loopback': true,
      'media.peerconnection.ice.obfuscate_host_addresses': false,
      'media.autoplay.default': 0,
      ...preferences,
    },
  });
}

/** One window of one person. */
export class FirefoxDriver {
  console = [];
  errors = [];

  static async open(browser, { width = 1280, height = 720 } = {}) {
    const driver = new FirefoxDriver();
    driver.context = await browser.createBrowserContext();
    driver.page = await driver.context.newPage();
    await driver.page.setViewport({ width, height });
    await driver.page.evaluateOnNewDocument(installProbe);
    driver.page.setDefaultTimeout(15_000);
    driver.page.on('console', (message) => driver.console.push(`${message.type()}: ${message.text()}`));
    driver.page.on('pageerror', (error) => driver.errors.push(String(error)));
    return driver;
  }

  goto(url) {
    return this.page.goto(url);
  }

  reload() {
    return this.page.reload();
  }

  /** The visible element of a role with exactly this name; BiDi knows no names of password fields. */
  async #find(role, name) {
    const handle = await this.page.evaluateHandle(
      (role, name) => {
        const nameOf = (element) =>
          element.ariaLabel ??
          [...(element.labels ?? [])].map((label) => label.textContent.trim())[0] ??
          element.textContent.trim();
        const candidates = document.querySelectorAll(role === 'button' ? 'button' : 'input, textarea');
        return [...candidates].find((element) => element.checkVisibility() && nameOf(element) === name);
      },
      role,
      name,
    );
    return handle.asElement();
  }

  #get(role, name) {
    return until(`a ${role} ${name}`, () => this.#find(role, name));
  }

  async click(role, name) {
    await (await this.#get(role, name)).click();
  }

  async fill(label, value) {
    await (await this.#get('textbox', label)).type(value);
  }

  async isVisible(role, name) {
    return (await this.#find(role, name)) !== null;
  }

  async isPressed(name) {
    const found = await this.#find('button', name);
    return (await found?.evaluate((button) => button.ariaPressed)) === 'true';
  }

  evaluate(work, argument) {
    return this.page.evaluate(work, argument);
  }

  screenshot(path) {
    return this.page.screenshot({ path });
  }

  close() {
    return this.context.close();
  }
}
