/** 各页面共用的中文文本；键与 texts.en.ts 相同。 */
import type { en } from "./texts.en.ts";

export const zh: Record<keyof typeof en, string> = {
  signIn: "登录",
  username: "用户名",
  password: "密码",
  signingIn: "正在登录…",
  wrongPassword: "用户名或密码不正确，请检查后重试。",
  signOut: "退出登录",
  signedOut: "你已退出登录，请重新登录后继续。",
  signInAgain: "重新登录",

  loading: "正在加载…",
  retry: "重试",
  close: "关闭",
  cancel: "取消",
  save: "保存",
  delete: "删除",
  clearSearch: "清除搜索",

  account: "账户与设置",
  theme: "外观",
  themeSystem: "跟随系统",
  themeLight: "浅色",
  themeDark: "深色",
  language: "语言",

  people: "成员",
  searchPeople: "按姓名搜索",
  nobodyFound: "没有找到该用户。",
  chosen: "已选择",
  removeChosen: "移除 {name}",

  error: "出错了。",
  errorOffline: "无法连接服务器，请检查网络后重试。",
  errorUnauthenticated: "你已退出登录。",
  errorForbidden: "你没有权限执行此操作。",
  errorNotFound: "它已不存在。",
  errorConflict: "情况已发生变化，无法执行此操作。",
  errorInvalid: "服务器不接受此内容。",
  errorTooLarge: "内容过大。",
  errorRateLimited: "操作过于频繁，请在 {count} 秒后重试。",
  errorUnavailable: "服务器繁忙，请稍后重试。",
};
