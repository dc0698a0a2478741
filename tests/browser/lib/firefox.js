// Firefox over WebDriver BiDi, with its own fake devices.
import puppeteer from 'puppeteer-core';
import { installProbe } from './probe.js';

export function launchFirefox() {
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

  #find(role, name) {
    return `::-p-aria([name="${name}"][role="${role}"])`;
  }

  click(role, name) {
    return this.page.locator(this.#find(role, name)).click();
  }

  fill(label, value) {
    return this.page.locator(this.#find('textbox', label)).fill(value);
  }

  async isVisible(role, name) {
    const found = await this.page.$(this.#find(role, name));
    return (await found?.isVisible()) ?? false;
  }

  async isPressed(name) {
    const found = await this.page.$(this.#find('button', name));
    return (await found?.evaluate((button) => button.getAttribute('aria-pressed'))) === 'true';
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
